/**
 * Invariants 5 and 6 on whole runs: how a window of rows is cut into micro-batches, and whether rows are
 * packed, changes nothing but rounding.
 *
 * Tolerance: 1e-6 relative in every loss. Float32 sums in another order differ by some 1e-7 (measured over 20
 * steps: 1.5e-7). A mean of means, the mistake that this would show, is far off from the first step on: rows
 * have 1 to 60 trained tokens.
 */
import assert from "node:assert/strict";
import type { RunInput } from "../../../core/config/types.ts";
import {
  type RanRun,
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
} from "../../run_harness.ts";
import { sample } from "../../sample.ts";

const TOLERANCE = 1e-6;

function assertSame(found: RanRun, wanted: RanRun, what: string): void {
  assert.equal(found.losses.length, wanted.losses.length, what);
  found.losses.forEach((loss, i) => {
    const off = Math.abs(loss / wanted.losses[i] - 1);
    assert.ok(
      off <= TOLERANCE,
      `${what}: loss of step ${i + 1} is ${loss}, not ${
        wanted.losses[i]
      } (off by ${off.toExponential(1)})`,
    );
  });
}

const CUTS = [[8, 1], [4, 2], [2, 4], [1, 8]] as const;
/** 75 rows: the last window of each epoch has 3. */
const DATA: RunInput["data"] = {
  train: [{ rows: tinyRows(75), format: "alpaca" }],
  template: { use: "plain", separator: "\n" },
};

const VARIANTS: readonly (readonly [string, Partial<RunInput>])[] = [
  ["all weights", {}],
  ["an adapter without dropout", { adapter: { use: "lora", r: 4 } }],
  ["an adapter with dropout", {
    adapter: { use: "lora", r: 4, lora_dropout: 0.3 },
  }],
  ["rows of several sources", {
    data: {
      ...DATA,
      train: [
        { rows: tinyRows(40, 1), format: "alpaca" },
        { rows: tinyRows(35, 2), format: "alpaca" },
      ],
    },
  }],
];

for (const [name, more] of sample(VARIANTS, { count: 3, seed: 3 })) {
  Deno.test(`20 steps have the same losses as 1x8, 2x4, 4x2 and 8x1: ${name}`, async () => {
    using folder = testFolder();
    const run = (batch: number, accumulation: number) =>
      runConfig(tinyRun(folder.at(`${batch}x${accumulation}`), {
        data: DATA,
        ...more,
        training: {
          epochs: 3,
          max_steps: 20,
          batch_size: batch,
          gradient_accumulation_steps: accumulation,
          logging_steps: 1,
        },
      }));
    const wanted = await run(...CUTS[0]);
    assert.equal(wanted.losses.length, 20);
    for (const [batch, accumulation] of CUTS.slice(1)) {
      const found = await run(batch, accumulation);
      assertSame(found, wanted, `${batch}x${accumulation}`);
      assert.deepEqual(
        found.of("step").map((e) => e.trained_tokens),
        wanted.of("step").map((e) => e.trained_tokens),
      );
    }
  });
}

Deno.test("the loss of a step is the mean over its trained tokens, not over its rows", async () => {
  using folder = testFolder();
  // one row a step and a rate of 0: the losses of single rows
  const still = { use: "sgd", learning_rate: 0 } as const;
  const run = (name: string, batch: number) =>
    runConfig(tinyRun(folder.at(name), {
      optimizer: still,
      data: { ...DATA, shuffle: false },
      training: { epochs: 1, batch_size: batch, logging_steps: 1 },
    }));
  const single = (await run("single", 1)).of("step");
  const joined = (await run("joined", 8)).of("step");
  joined.forEach((step, i) => {
    const rows = single.slice(8 * i, 8 * i + 8);
    const tokens = rows.reduce((n, r) => n + r.trained_tokens, 0);
    const sum = rows.reduce(
      (n, r) => n + (r.loss ?? NaN) * r.trained_tokens,
      0,
    );
    assert.equal(step.trained_tokens, tokens);
    assert.ok(Math.abs((step.loss ?? NaN) / (sum / tokens) - 1) < 1e-6);
  });
});

Deno.test("packed rows have the losses of padded ones, with the same rows in each step", async () => {
  using folder = testFolder();
  // every step sees all 30 rows, as rows of a batch or in packs
  const rows = tinyRows(30, 3);
  const run = (name: string, collator: "padded" | "packed") =>
    runConfig(tinyRun(folder.at(name), {
      data: {
        train: [{ rows, format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
        max_length: 96,
        collator,
      },
      training: { epochs: 20, batch_size: 30, logging_steps: 1 },
    }));
  const padded = await run("padded", "padded");
  const packed = await run("packed", "packed");
  const { packs } = packed.of("start")[0];
  assert.ok(packs !== null && packs < 15, `${packs} packs`);
  assertSame(packed, padded, "packed");
});

Deno.test("an evaluation does not depend on the batch size, nor on packing", async () => {
  using folder = testFolder();
  const run = (name: string, batch: number, collator: "padded" | "packed") =>
    runConfig(tinyRun(folder.at(name), {
      data: {
        ...DATA,
        eval: [{ rows: tinyRows(23, 5), format: "alpaca" }],
        collator,
      },
      optimizer: { use: "sgd", learning_rate: 0 },
      training: { max_steps: 1, batch_size: batch },
    }));
  const wanted = (await run("1", 1, "padded")).result.metrics;
  for (const batch of [3, 8, 32]) {
    for (const collator of ["padded", "packed"] as const) {
      const { metrics } = (await run(`${batch}${collator}`, batch, collator))
        .result;
      for (const key of ["eval_loss", "eval_perplexity"]) {
        const off = Math.abs((metrics[key] ?? NaN) / (wanted[key] ?? NaN) - 1);
        assert.ok(off < 1e-6, `${key}, ${collator}, ${batch} rows: ${off}`);
      }
      assert.equal(metrics.eval_token_accuracy, wanted.eval_token_accuracy);
    }
  }
});
