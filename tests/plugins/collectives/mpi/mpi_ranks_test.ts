/**
 * Ranks that are processes, beside one process: Open MPI, and MPICH where it is installed.
 *
 * Tolerance: 1e-5 relative in every loss, since sums over ranks add in another order. Between ranks there is none.
 */
import assert from "node:assert/strict";
import { runConfig, testFolder } from "../../../run_harness.ts";
import { launch, launchers } from "./_launch.ts";
import { rankRun, RUNS } from "./_runs.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const STEPS = ALL ? 50 : 5;

interface RankLine {
  readonly name: string;
  readonly rank: number;
  readonly weightsHash: string;
  readonly losses: readonly number[];
}

/** The lines that ranks printed. */
function linesOf(out: string): RankLine[] {
  return out.split("\n").filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

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
      const lines = linesOf(out);
      for (const name of names) {
        const alone = await runConfig(
          rankRun(name, { folder: folder.at(`${name}-alone`), steps: STEPS }),
        );
        const ranks = lines.filter((line) => line.name === name);
        assert.deepEqual(
          ranks.map(({ rank }) => rank).sort(),
          Array.from({ length: world }, (_, r) => r),
        );
        for (const { weightsHash, losses } of ranks) {
          assert.equal(weightsHash, ranks[0].weightsHash, name);
          assert.deepEqual(losses, ranks[0].losses);
        }
        assert.equal(alone.losses.length, STEPS);
        ranks[0].losses.forEach((loss, i) =>
          assert.ok(
            Math.abs(loss / alone.losses[i] - 1) <= 1e-5,
            `${name}, step ${i + 1}: ${loss}, not ${alone.losses[i]}`,
          )
        );
      }
    });
  }
}

for (const launcher of launchers().slice(0, ALL ? undefined : 0)) {
  for (
    const [options, tolerance] of [
      // all bits
      [{ optimizer_sharding: true }, 0],
      // gradients have 8 bits: 50 steps come this near
      [{ gradient_dtype: "bfloat16" }, 1e-2],
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
        for (const { weightsHash, losses } of ranks) {
          assert.equal(weightsHash, ranks[0].weightsHash, name);
          losses.forEach((loss, i) =>
            assert.ok(
              Math.abs(loss / wanted.losses[i] - 1) <= tolerance,
              `${name}, step ${i + 1}: ${loss}, not ${wanted.losses[i]}`,
            )
          );
        }
        const isEqual = ranks[0].weightsHash === wanted.weightsHash;
        assert.equal(isEqual, tolerance === 0, name);
      }
    });
  }
}
