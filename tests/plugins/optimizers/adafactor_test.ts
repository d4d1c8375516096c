/** Adafactor beside transformers' for 20 steps, on every backend. Tolerance: float32 over 20 steps of 0.02. */
import assert from "node:assert/strict";
import { adafactor } from "../../../plugins/optimizers/adafactor.ts";
import { makePart } from "../../conformance/host.ts";
import { testOptimizer } from "../../conformance/optimizer.ts";
import { trainSteps } from "../../conformance/optimizer/steps.ts";
import { BACKENDS, openBackend } from "../../golden/_backends.ts";
import golden from "../../golden/adafactor.json" with { type: "json" };

const make = (options: Readonly<Record<string, unknown>>) =>
  makePart({ parts: [adafactor] }, "optimizer", options);

testOptimizer("adafactor", () => make({}));
testOptimizer("adafactor, scaled", () => make({ scale_parameter: true }));

const shapes = Object.entries<readonly number[]>(golden.shapes);
const elements = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const tensors = shapes.map(([name, shape], k) => ({
  name,
  shape,
  values: Float32Array.from(
    { length: elements(shape) },
    (_, i) => Math.sin(0.7 * i + 1.9 * k),
  ),
}));
const steps = Array.from({ length: 20 }, (_, s) => {
  const step = s + 1;
  const gradients = Object.fromEntries(shapes.map(([name, shape], k) => [
    name,
    Float32Array.from(
      { length: elements(shape) },
      (_, i) => Math.cos(0.37 * i * (1 + 0.1 * step) + 1.3 * step + 2.1 * k),
    ),
  ]));
  return { gradients, learningRate: 0.02 };
});

type Kept = Readonly<Record<string, Readonly<Record<string, number[]>>>>;

for (const backend of BACKENDS) {
  for (const [name, run] of Object.entries(golden.runs)) {
    Deno.test(`20 steps of adafactor (${name}) on ${backend.name} are transformers'`, async () => {
      await using device = await openBackend(backend);
      const optimizer = await make({
        learning_rate: 0.02,
        decay_norm_and_bias: true,
        ...run.options,
      });
      const found = await trainSteps(optimizer, { tensors, steps, device });
      const kept: Kept = run.steps;
      for (const [step, wanted] of Object.entries(kept)) {
        for (const [tensor, values] of Object.entries(wanted)) {
          const own = found[Number(step) - 1].get(tensor);
          values.forEach((value, i) =>
            assert.ok(
              Math.abs(value - (own?.[i] ?? NaN)) < 5e-6,
              `step ${step}: ${tensor}[${i}] is ${own?.[i]}, not ${value}`,
            )
          );
        }
      }
    });
  }
}
