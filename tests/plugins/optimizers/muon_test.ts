/**
 * Muon beside PyTorch's, on every backend: matrices of several shapes, with its products in float64 there (PyTorch
 * rounds them to bfloat16). What it leaves to another optimizer moves as if that were alone.
 */
import assert from "node:assert/strict";
import type { Optimizer } from "@denotune/denotune/core";
import { muon } from "../../../plugins/optimizers/muon.ts";
import { optimizers } from "../../../plugins/optimizers/mod.ts";
import { reference } from "../../../backends/reference/mod.ts";
import { builtinHost } from "../../conformance/builtin_host.ts";
import { makePart } from "../../conformance/host.ts";
import { testOptimizer } from "../../conformance/optimizer.ts";
import { trainSteps } from "../../conformance/optimizer/steps.ts";
import { openBackend } from "../../golden/_backends.ts";
import { testSteps } from "../../golden/_optimizer_steps.ts";
import golden from "../../golden/muon.json" with { type: "json" };

const host = await builtinHost();
const make = (options: Readonly<Record<string, unknown>>): Promise<Optimizer> =>
  makePart({ parts: [muon] }, "optimizer", options, host);

testOptimizer("muon", () => make({}));
testOptimizer(
  "muon with 8-bit states beside",
  () => make({ rest: { use: "adamw", state_bits: 8 } }),
);
testSteps("muon", golden, { witness: "PyTorch", make, tolerance: 5e-6 });

Deno.test("what muon leaves to another optimizer moves as if that were alone, its decay too", async () => {
  const tensors = [
    { name: "embed_tokens", shape: [8, 6] },
    { name: "norm", shape: [6] },
    { name: "large.lm_head", shape: [64, 64] },
  ].map(({ name, shape }) => ({
    name,
    shape,
    values: Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => Math.sin(0.9 * i),
    ),
  }));
  // powers of two, so that the two ways to multiply round alike
  const stepsAt = (learningRate: number) =>
    Array.from({ length: 4 }, (_, s) => ({
      learningRate,
      gradients: Object.fromEntries(
        tensors.map(({ name, values }) => [
          name,
          values.map((v) => Math.cos(3 * v + s)),
        ]),
      ),
    }));
  await using device = await openBackend(reference);
  for (
    const rest of [
      { use: "adamw", learning_rate: 0.125, weight_decay: 0.5 },
      { use: "adamw", learning_rate: 0.125, weight_decay: 0.5, state_bits: 8 },
      { use: "adafactor", learning_rate: 0.125, weight_decay: 0.25 },
      { use: "sgd", learning_rate: 0.125, decay_norm_and_bias: true },
    ]
  ) {
    const { use, ...options } = rest;
    const part = { parts: optimizers.filter(({ name }) => name === use) };
    const alone = await trainSteps(
      await makePart(part, "optimizer", options),
      { tensors, steps: stepsAt(0.125), device },
    );
    const beside = await trainSteps(
      await make({ learning_rate: 0.25, weight_decay: 0, rest }),
      { tensors, steps: stepsAt(0.25), device },
    );
    for (const { name } of tensors) {
      assert.deepEqual(
        beside[3].get(name),
        alone[3].get(name),
        `${JSON.stringify(rest)}: ${name}`,
      );
    }
  }
});

Deno.test("an average within muon is refused; around it, matrices have one too", async () => {
  await assert.rejects(make({ rest: "ema" }), /put `ema` around `muon`/);
  await assert.rejects(make({ rest: "schedule-free" }), /put `ema` around/);
  const averaged = await host.create("optimizer", {
    use: "ema",
    of: { use: "muon" },
  });
  const update = averaged.tensorUpdate?.({ name: "layer", shape: [4, 4] });
  assert.deepEqual(Object.keys(update?.states ?? {}), ["momentum", "ema"]);
});
