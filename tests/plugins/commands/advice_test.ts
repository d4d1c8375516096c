/** Advice of `check`: what the field uses passes in silence, what is far from it is named with what to set. */
import assert from "node:assert/strict";
import type { RunInput } from "@denotune/denotune";
import { loadRun } from "../../../core/config/load.ts";
import { adviceOn, type Advised } from "../../../plugins/commands/_advice.ts";
import { builtinRegistry, tinyRows } from "../../run_harness.ts";
import { prepare } from "@denotune/denotune";
import { TINY_LLAMA } from "../../run_harness.ts";

using data = await prepare({
  model: { from_config: TINY_LLAMA },
  tokenizer: "byte",
  data: { train: [{ rows: tinyRows(60), format: "alpaca" }] },
});

interface Case {
  readonly run?: Partial<RunInput>;
  readonly parameters?: number;
  readonly rows?: number;
  readonly steps?: number;
}

/** Advice on a run of a pretrained model that is as the field does it, but for what is given. */
async function advised(
  { run = {}, parameters = 1.7e9, rows = 5000, steps = 3000 }: Case,
): Promise<string[]> {
  const loaded = await loadRun({
    object: {
      model: { path: "/nowhere/model" },
      optimizer: { use: "adamw", learning_rate: 2e-5 },
      ...run,
      data: {
        train: [{ rows: [{}], format: "alpaca" }],
        eval: [{ rows: [{}], format: "alpaca" }],
        ...run.data,
      },
    },
    registry: builtinRegistry(),
    files: "ignore",
  });
  const { optimizer } = loaded.config;
  const options = typeof optimizer === "object" ? { ...optimizer } : {};
  const of = "of" in options ? Object(options.of) : options;
  const found: Advised = {
    parameters,
    trainedParameters: parameters,
    adapter: loaded.choices.get("adapter")?.part.name ?? null,
    learningRate: Number(Object(of).learning_rate ?? 5e-5),
    report: { ...data.report, rows, steps: 1000 },
    evaluationExamples: loaded.config.data.eval.length,
    totalSteps: steps,
  };
  return adviceOn(loaded, found);
}

const adamw = (learning_rate: number) => ({ use: "adamw", learning_rate });
const scratch = { from_config: TINY_LLAMA };

Deno.test("values that the field uses get no advice", async () => {
  const usual: Case[] = [
    {},
    { run: { optimizer: adamw(1e-5) } },
    { run: { optimizer: adamw(5e-5) }, parameters: 1.2e8 },
    { run: { adapter: "lora", optimizer: adamw(2e-4) }, rows: 300 },
    { run: { adapter: "dora", optimizer: adamw(1e-4) } },
    {
      run: { model: scratch, optimizer: adamw(4e-3) },
      parameters: 6e4,
      steps: 30_000,
    },
    { run: { model: scratch, optimizer: adamw(6e-4) }, parameters: 1.25e8 },
    { run: { optimizer: { use: "lion", learning_rate: 1e-6 } } },
    { run: { optimizer: { use: "sgd", learning_rate: 0.1 } } },
    { rows: 200, steps: 9000, parameters: 1e8 },
  ];
  for (const one of usual) assert.deepEqual(await advised(one), []);
});

const FAR: readonly [string, Case, RegExp][] = [
  [
    "a rate for adapters on all weights",
    { run: { optimizer: adamw(2e-4) } },
    /^optimizer\.learning_rate is 2e-4, and 1e-5 to 5e-5 is usual for all weights of a pretrained model of 1\.7 B/,
  ],
  ["a rate for random weights on an adapter", {
    run: { adapter: "lora", optimizer: adamw(5e-3) },
  }, /5e-3, and 1e-4 to 3e-4 is usual for an adapter: a rate this high/],
  ["a rate for all weights on an adapter", {
    run: { adapter: "lora", optimizer: adamw(1e-5) },
  }, /1e-5, and 1e-4 to 3e-4 is usual for an adapter: at a rate this low/],
  ["a rate for fine-tuning on random weights", {
    run: { model: scratch, optimizer: adamw(2e-5) },
    parameters: 6e4,
  }, /of 0\.060 M from random weights: at a rate this low/],
  ["the optimizer that ema follows", {
    run: { optimizer: { use: "ema", of: adamw(1e-2) } },
  }, /^optimizer\.learning_rate is 1e-2/],
  [
    "many epochs",
    { steps: 12_000 },
    /^12 epochs over 5,000 rows: 1 to 3 are usual, later ones/,
  ],
  ["very many epochs over few rows", {
    rows: 200,
    steps: 30_000,
    parameters: 1e8,
  }, /^30 epochs over 200 rows: .* some more for so few rows/],
  ["few updates", { steps: 7 }, /^The run has 7 updates in all/],
  ["no evaluation", {
    run: { data: { train: [{ rows: [{}], format: "alpaca" }], eval: [] } },
  }, /data\.eval_fraction=0\.1/],
  [
    "no clipping",
    { run: { training: { max_grad_norm: null } } },
    /^training\.max_grad_norm is null/,
  ],
  [
    "all weights of a large model on few rows",
    { rows: 300 },
    /^1\.7 B weights are trained on 300 rows; an adapter/,
  ],
];

for (const [name, given, wanted] of FAR) {
  Deno.test(`advice is given on ${name}`, async () => {
    const advice = await advised(given);
    assert.equal(advice.length, 1, advice.join("\n"));
    assert.match(advice[0], wanted);
  });
}

Deno.test("a run that stops early or keeps its best model may have many epochs", async () => {
  for (
    const training of [
      { early_stopping_patience: 3 },
      { load_best_model_at_end: true },
    ]
  ) {
    assert.deepEqual(await advised({ steps: 30_000, run: { training } }), []);
  }
});
