/**
 * Update rules against five steps of PyTorch in float32 (`golden/optimizers.json`): 1e-6 of the larger of 1
 * and the value, a few of float32's last digits.
 */
import assert from "node:assert/strict";
import type { Optimizer } from "@denotune/denotune/core";
import { adamw } from "../../../plugins/optimizers/adamw.ts";
import { adamwRule } from "../../../plugins/optimizers/adamw_rule.ts";
import { lionRule } from "../../../plugins/optimizers/lion.ts";
import { optimizers } from "../../../plugins/optimizers/mod.ts";
import { sgdRule } from "../../../plugins/optimizers/sgd_rule.ts";
import {
  plainSteps,
  programSteps,
  testOptimizer,
} from "../../conformance/optimizer.ts";

interface Run {
  readonly rule: "AdamW" | "SGD" | "Lion";
  readonly lr: number;
  readonly weight_decay: number;
  readonly betas?: [number, number];
  readonly eps?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly after: readonly (readonly number[])[];
}

const golden: {
  start: number[];
  gradients: number[][];
  runs: Record<string, Run>;
} = JSON.parse(
  Deno.readTextFileSync(
    new URL("../../golden/optimizers.json", import.meta.url),
  ),
);

function ruleOf(run: Run): Optimizer {
  const options = {
    learning_rate: run.lr,
    weight_decay: run.weight_decay,
    decay_norm_and_bias: true,
  };
  switch (run.rule) {
    case "AdamW":
      return adamwRule({ ...options, betas: run.betas!, eps: run.eps! });
    case "Lion":
      return lionRule({ ...options, betas: run.betas! });
    case "SGD":
      return sgdRule({
        ...options,
        momentum: run.momentum!,
        nesterov: run.nesterov!,
      });
  }
}

for (const [name, run] of Object.entries(golden.runs)) {
  Deno.test(`${name} steps as PyTorch does, by arithmetic and as a program`, async () => {
    const rule = ruleOf(run);
    const start = Float32Array.from(golden.start);
    const steps = golden.gradients.map((gradient, i) => ({
      gradient: Float32Array.from(gradient),
      learningRate: run.lr,
      weightDecay: run.weight_decay,
      step: i + 1,
    }));
    for (
      const [how, found] of [
        ["by arithmetic", plainSteps(rule, start, steps)],
        ["as a program", await programSteps(rule, start, steps)],
      ] as const
    ) {
      run.after.forEach((wanted, step) =>
        wanted.forEach((value, i) => {
          const have = found[step].parameter[i];
          assert.ok(
            Math.abs(have - value) <= 1e-6 * Math.max(1, Math.abs(value)),
            `${how}, step ${step + 1}, element ${i}: ${have}, PyTorch ${value}`,
          );
        })
      );
    }
  });
}

testOptimizer("adamw", () => ruleOf(golden.runs["adamw-decay"]));
testOptimizer("sgd", () => ruleOf(golden.runs.sgd));
testOptimizer(
  "sgd with Nesterov's momentum",
  () => ruleOf(golden.runs["sgd-nesterov-decay"]),
);
testOptimizer("lion", () => ruleOf(golden.runs["lion-decay"]));

Deno.test("optimizers have the defaults that the run file names", async () => {
  const result = await adamw.options["~standard"].validate({});
  assert.ok(result.issues === undefined);
  assert.deepEqual(result.value, {
    learning_rate: 5e-5,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weight_decay: 0,
    decay_norm_and_bias: false,
    state_bits: 32,
  });
  assert.deepEqual(optimizers.map((p) => p.name).sort(), [
    "adafactor",
    "adamw",
    "ema",
    "lion",
    "muon",
    "schedule-free",
    "sgd",
  ]);
});

Deno.test("tensors of one dimension are decayed only where asked for", () => {
  const options = {
    learning_rate: 1,
    momentum: 0,
    nesterov: false,
    weight_decay: 0.1,
  };
  const norm = { name: "model.norm.weight", shape: [8] };
  const matrix = { name: "lm_head.weight", shape: [8, 8] };
  const some = sgdRule({ ...options, decay_norm_and_bias: false });
  const all = sgdRule({ ...options, decay_norm_and_bias: true });
  assert.deepEqual([some.decays(norm), some.decays(matrix)], [false, true]);
  assert.deepEqual([all.decays(norm), all.decays(matrix)], [true, true]);
});

Deno.test("nesterov without momentum is refused with what would do", () => {
  assert.throws(
    () =>
      sgdRule({
        learning_rate: 1,
        momentum: 0,
        nesterov: true,
        weight_decay: 0,
        decay_norm_and_bias: false,
      }),
    (error) =>
      error instanceof Error && error.name === "ConfigError" &&
      /needs momentum.*0\.9/.test(error.message),
  );
});

Deno.test("options out of range or of unknown names are refused", async () => {
  for (
    const wrong of [
      { betas: [0.9, 1] },
      { learning_rate: -1 },
      { lr: 1 },
      { eps: 0 },
    ]
  ) {
    const result = await adamw.options["~standard"].validate(wrong);
    assert.ok(result.issues !== undefined, JSON.stringify(wrong));
  }
});
