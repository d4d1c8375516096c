/**
 * Ranks that are processes, beside one process: Open MPI, and MPICH where it is installed.
 */
import assert from "node:assert/strict";
import { testFolder } from "../../../run_harness.ts";
import { launch, launchers } from "./_launch.ts";
import { assertNear, assertStepsOfOne, linesOf } from "./_lines.ts";
import { RUNS } from "./_runs.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const STEPS = ALL ? 50 : 5;

for (const launcher of launchers().slice(0, ALL ? undefined : 1)) {
  for (const world of ALL ? [1, 2, 3, 4] : [2]) {
    Deno.test(`${world} ranks of ${launcher.name} make the steps of one process, and have the same bits`, async () => {
      using folder = testFolder();
      const names = ALL ? Object.keys(RUNS) : ["full"];
      const { code, out, err } = await launch(launcher, world, [
        "_rank.ts",
        folder.at("ranks"),
        String(STEPS),
        "{}",
        ...names,
      ]);
      assert.equal(code, 0, out + err);
      await assertStepsOfOne(linesOf(out), {
        names,
        world,
        steps: STEPS,
        folder,
      });
    });
  }
}

for (const launcher of launchers()) {
  for (const world of [2, 3]) {
    Deno.test(`packing what ${world} ranks of ${launcher.name} send changes no bit`, async () => {
      const { code, out, err } = await launch(launcher, world, ["_packed.ts"]);
      assert.equal(code, 0, out + err);
      assert.equal(out, "same\n".repeat(world));
    });
  }
}

for (const launcher of launchers().slice(0, ALL ? undefined : 0)) {
  for (
    const [options, tolerance] of [
      // all bits
      [{ optimizer_sharding: true }, 0],
      [{ compression: "lossless" }, 0],
      [{ compression: "lossless", optimizer_sharding: true }, 0],
      // gradients have 8 bits: 50 steps come this near
      [{ gradient_dtype: "bfloat16" }, 1e-2],
      [{ gradient_dtype: "bfloat16", optimizer_sharding: true }, 1e-2],
    ] as const
  ) {
    const what = JSON.stringify(options);
    Deno.test(`3 ranks of ${launcher.name} with ${what} make the steps of 3 without`, async () => {
      using folder = testFolder();
      const names = Object.keys(RUNS);
      const linesWith = async (options: string) => {
        const { code, out, err } = await launch(launcher, 3, [
          "_rank.ts",
          folder.at("ranks"),
          String(STEPS),
          options,
          ...names,
        ]);
        assert.equal(code, 0, out + err);
        return linesOf(out).sort((a, b) => a.rank - b.rank);
      };
      const plain = await linesWith("{}");
      const found = await linesWith(what);
      for (const name of names) {
        const [wanted] = plain.filter((line) => line.name === name);
        const ranks = found.filter((line) => line.name === name);
        assert.equal(ranks.length, 3);
        for (const { weightsHash, losses, states } of ranks) {
          assert.equal(weightsHash, ranks[0].weightsHash, name);
          assertNear(losses, { wanted: wanted.losses, name, tolerance });
          // shares are multiples of 64 values
          const share = "optimizer_sharding" in options
            ? wanted.states / 3
            : wanted.states;
          assert.ok(states <= share * 1.1 + 4096, `${name}: ${states}`);
        }
        const sum = ranks.reduce((bytes, { states }) => bytes + states, 0);
        const all = "optimizer_sharding" in options ? 1 : 3;
        assert.ok(sum >= all * wanted.states, `${name}: ${sum}`);
        const isEqual = ranks[0].weightsHash === wanted.weightsHash;
        assert.equal(isEqual, tolerance === 0, name);
      }
    });
  }
}
