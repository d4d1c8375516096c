/** `precision: float16` in the engine: gradients are scaled, divided by the scale again, and skipped where they overflow. */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import type { Precision } from "../../../core/contracts/backend.ts";
import type { Inputs } from "../../../core/contracts/objective.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import { Engine } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { slotName } from "../../../core/engine/trainables.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import { adamwRule } from "../../../plugins/optimizers/adamw_rule.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { layOutLines } from "../../golden/_lines.ts";
import { TINY_LLAMA } from "../../run_harness.ts";

const INPUTS: Inputs = layOutLines(
  [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15]].map((
    ids,
  ) => [{ ids, labels: ids }]),
);
const LEARNING_RATE = 1e-2;

async function withEngine<T>(
  precision: Precision,
  body: (engine: Engine) => Promise<T>,
): Promise<T> {
  await using device = localDevice(new ReferenceExecutor());
  const planned = planEngine({
    spec: llamaArchitecture.describe({ ...TINY_LLAMA, vocab_size: 32 }),
    adapter: null,
    frozenDtype: "f32",
    precision,
    causal: true,
    train: {
      B: 2,
      T: 8,
      optimizer: adamwRule({
        learning_rate: LEARNING_RATE,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.1,
        decay_norm_and_bias: false,
      }),
      maxGradNorm: 0.5,
      checkpointing: false,
    },
    evaluate: null,
    generate: null,
    sources: 1,
  }, device.info);
  await using engine = await Engine.open(planned, device);
  for (const w of planned.inventory.weights) {
    engine.session.write(w.name, initialWeights(w, 3));
  }
  return await body(engine);
}

async function step(engine: Engine, number: number, lossScale?: number) {
  engine.micro(INPUTS, INPUTS.divisor, { lossScale });
  engine.update({ learningRate: LEARNING_RATE, step: number, lossScale });
  return (await engine.results(1))[0];
}

/** Weights and optimizer states, by name. */
async function stateOf(engine: Engine): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const { name } of engine.planned.inventory.weights) {
    found.set(name, await engine.readTrained(name));
    for (const slot of engine.planned.request.train?.optimizer.slots ?? []) {
      found.set(slotName(slot, name), await engine.readTrained(name, slot));
    }
  }
  return found;
}

Deno.test("an overflow of float16 leaves weights and optimizer states as they are, and the next step is as if it had not been", async () => {
  const once = await withEngine("float16", async (engine) => {
    await step(engine, 1, 2 ** 10);
    return await stateOf(engine);
  });
  await withEngine("float16", async (engine) => {
    const before = await stateOf(engine);
    const skipped = await step(engine, 1, 2 ** 40);
    assert.equal(skipped.finite, false);
    assert.ok(Number.isFinite(skipped.lossSum));
    assert.deepEqual(await stateOf(engine), before);
    const made = await step(engine, 1, 2 ** 10);
    assert.equal(made.finite, true);
    assert.deepEqual(await stateOf(engine), once);
  });
});

Deno.test("losses and norms are those of float32, whatever the scale", async () => {
  const wide = await withEngine("float32", (engine) => step(engine, 1));
  for (const scale of [1, 2 ** 8, 2 ** 12]) {
    const narrow = await withEngine(
      "float16",
      (engine) => step(engine, 1, scale),
    );
    const near = (a: number, b: number) =>
      assert.ok(Math.abs(a / b - 1) < 2e-3, `${scale}: ${a}, not ${b}`);
    near(narrow.lossSum, wide.lossSum);
    near(narrow.gradNorm, wide.gradNorm);
    assert.notEqual(narrow.lossSum, wide.lossSum);
  }
});

Deno.test("gradients are too small for float16 without a scale", async () => {
  // the loss is divided by 2^17, as a window of many tokens does it
  const norm = (precision: Precision, lossScale: number) =>
    withEngine(precision, async (engine) => {
      engine.micro(INPUTS, INPUTS.divisor * 2 ** 17, { lossScale });
      engine.update({ learningRate: 0, step: 1, lossScale });
      return (await engine.results(1))[0].gradNorm;
    });
  const wide = await norm("float32", 1);
  assert.ok(Math.abs(await norm("float16", 2 ** 16) / wide - 1) < 2e-3);
  assert.ok(Math.abs(await norm("float16", 1) / wide - 1) > 0.02);
});
