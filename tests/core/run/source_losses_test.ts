import assert from "node:assert/strict";
import type { TrainEntryInput } from "../../../core/config/types.ts";
import { runConfig, testFolder, tinyRows, tinyRun } from "../../run_harness.ts";

const A: TrainEntryInput = { rows: tinyRows(24, 1), format: "alpaca" };
const B: TrainEntryInput = { rows: tinyRows(40, 2), format: "alpaca" };

for (const collator of ["padded", "packed"]) {
  Deno.test(`the loss of each source is that of the source alone: ${collator}`, async () => {
    using folder = testFolder();
    // a rate of 0: every step has the same model
    const lossesOf = async (
      name: string,
      train: readonly TrainEntryInput[],
    ) => {
      const ran = await runConfig(
        tinyRun(folder.at(name), {
          optimizer: { use: "adamw", learning_rate: 0 },
          data: { train, collator },
          training: { logging_steps: 1000 },
        }),
      );
      const step = ran.of("step").at(-1);
      assert.ok(step !== undefined && step.loss !== null);
      return {
        loss: step.loss,
        sources: Object.values(step.source_losses ?? {}),
      };
    };
    const a = await lossesOf("a", [A]);
    const b = await lossesOf("b", [B]);
    const both = await lossesOf("both", [A, B]);
    assert.notEqual(a.loss.toFixed(3), b.loss.toFixed(3));
    assert.equal(both.sources.length, 2);
    for (const [k, { loss }] of [a, b].entries()) {
      const own = both.sources[k];
      // sums of the same losses in another order, in float32
      assert.ok(own !== null && Math.abs(own - loss) < 2e-5, `${own} ${loss}`);
    }
  });
}

Deno.test("two sources of one file have a loss each", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  Deno.writeTextFileSync(
    path,
    tinyRows(12).map((row) => JSON.stringify(row) + "\n").join(""),
  );
  const ran = await runConfig(
    tinyRun(folder.at("run"), {
      data: {
        cache: false,
        train: [{ path, format: "alpaca" }, {
          path,
          format: "alpaca",
          epochs: 2,
        }],
      },
    }),
  );
  assert.deepEqual(Object.keys(ran.of("step").at(-1)?.source_losses ?? {}), [
    `${path} (data.train.0)`,
    `${path} (data.train.1)`,
  ]);
  assert.equal(ran.result.steps, 9); // (12 + 24) rows in batches of 4
});
