import assert from "node:assert/strict";
import {
  type AnyPart,
  type Batch,
  hash32,
  type Inputs,
  type WeightedExample,
} from "@denotune/denotune/core";
import { packed, padded } from "../../../plugins/collators/mod.ts";
import { causalLm } from "../../../plugins/objectives/mod.ts";
import { testObjective } from "@denotune/denotune/testing";
import { make } from "../../core/data/_support.ts";

testObjective("causal-lm", () => make("objective", causalLm));

const limits = { maxLength: 16, batchSize: 8, padId: 7, seed: 1 };
const key = { seed: 3, step: 5, firstRow: 2, training: true };

const examples: WeightedExample[] = [
  {
    ids: Int32Array.of(1, 2, 3),
    weights: Float32Array.of(0, 1, 0.5),
    source: 0,
    row: 0,
  },
  {
    ids: Int32Array.of(4, 5),
    weights: Float32Array.of(1, 1),
    source: 1,
    row: 0,
  },
  {
    ids: Int32Array.of(6, 7, 7),
    weights: Float32Array.of(0, 0, 1),
    source: 0,
    row: 0,
  },
];

async function inputsOf(
  rows: WeightedExample[][],
  part: AnyPart = packed,
  stepKey = key,
): Promise<{ batch: Batch; inputs: Inputs }> {
  const batch = (await make("collator", part)).collate(rows, limits);
  return {
    batch,
    inputs: (await make("objective", causalLm)).inputs(batch, stepKey),
  };
}

Deno.test("targets are the next tokens of the same segment", async () => {
  const { inputs } = await inputsOf([examples]);
  // tokens 1 2 3 | 4 5 | 6 7 7; the 4 has weight 1, and nothing before it in its segment
  assert.deepEqual([...inputs.rows], [0, 1, 3, 6]);
  assert.deepEqual([...inputs.targets], [2, 3, 5, 7]);
  assert.deepEqual([...inputs.weights], [1, 0.5, 1, 1]);
  assert.deepEqual([...inputs.sources], [0, 0, 1, 0]);
  assert.equal(inputs.divisor, 3.5);
});

Deno.test("packed and padded rows have the same targets, weights and divisor", async () => {
  const one = await inputsOf([examples]);
  const many = await inputsOf(examples.map((example) => [example]), padded);
  assert.deepEqual(one.inputs.targets, many.inputs.targets);
  assert.deepEqual(one.inputs.weights, many.inputs.weights);
  assert.equal(one.inputs.divisor, many.inputs.divisor);
});

Deno.test("the divisors of micro-batches add up to that of the whole", async () => {
  const whole = await inputsOf(examples.map((example) => [example]), padded);
  let sum = 0;
  for (const example of examples) {
    sum += (await inputsOf([[example]], padded)).inputs.divisor;
  }
  assert.equal(sum, whole.inputs.divisor);
});

Deno.test("a batch without a target has no rows and the divisor 0", async () => {
  const { inputs } = await inputsOf([[{
    ...examples[0],
    weights: new Float32Array(3),
  }]]);
  assert.equal(inputs.rows.length, 0);
  assert.equal(inputs.divisor, 0);
});

Deno.test("the last token of a row and padding are never supervised, whatever their ids", async () => {
  const { batch, inputs } = await inputsOf(
    [[examples[0]], [examples[1]]],
    padded,
  );
  assert.equal(batch.T, 3);
  assert.deepEqual([...inputs.rows], [0, 1, 3]);
});

Deno.test("row keys do not depend on how the window is cut into micro-batches", async () => {
  const whole = await inputsOf([[examples[0]], [examples[2]]], padded, {
    ...key,
    firstRow: 0,
  });
  const second = await inputsOf([[examples[2]]], padded, {
    ...key,
    firstRow: 1,
  });
  assert.deepEqual(whole.inputs.rowKeys.subarray(3), second.inputs.rowKeys);
  assert.equal(whole.inputs.rowKeys[1] >>> 0, hash32(key.seed, key.step, 0, 1));
});
