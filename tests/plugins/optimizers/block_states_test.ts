/**
 * AdamW with its states in 8 bits: 20 steps beside PyTorch with bitsandbytes' storage on every backend, memory, and
 * a run that is stopped and resumed.
 *
 * Tolerance: a number halfway between two codes may get either, which float32 decides; it then differs by a step of
 * the map, and so does what follows from it. 99% of the elements are within 1e-5, and all within 2% of the largest
 * distance that they went.
 */
import assert from "node:assert/strict";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import { adamw } from "../../../plugins/optimizers/adamw.ts";
import { lion } from "../../../plugins/optimizers/lion.ts";
import { withAverage } from "../../../plugins/optimizers/running_average.ts";
import { testOptimizer } from "../../conformance/optimizer.ts";
import { makePart, testHost } from "../../conformance/host.ts";
import { trainSteps } from "../../conformance/optimizer/steps.ts";
import { BACKENDS, openBackend } from "../../golden/_backends.ts";
import golden from "../../golden/block_states.json" with { type: "json" };
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";

const OPTIONS = {
  learning_rate: 0.01,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weight_decay: 0.1,
  decay_norm_and_bias: false,
} as const;

const make = (state_bits: 8 | 32) =>
  adamw.create({ ...OPTIONS, state_bits }, testHost());

testOptimizer("adamw in 8 bits", () => make(8));
testOptimizer(
  "lion in 8 bits",
  () => makePart({ parts: [lion] }, "optimizer", { state_bits: 8 }),
);
testOptimizer(
  "ema of adamw in 8 bits",
  async () => withAverage(await make(8), { decay: 0.9, use_average: true }),
);

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
  const of = (k: number, i: number) =>
    Math.cos(0.37 * i * (1 + 0.1 * step) + 1.3 * step + 2.1 * k) *
    10 ** (i % 5 - 4);
  const gradients = Object.fromEntries(shapes.map(([name, shape], k) => [
    name,
    Float32Array.from({ length: elements(shape) }, (_, i) => of(k, i)),
  ]));
  return { gradients, learningRate: OPTIONS.learning_rate };
});

type Kept = Readonly<Record<string, Readonly<Record<string, number[]>>>>;

/** Distances of the kept elements, in ascending order. */
function distances(
  found: ReadonlyMap<string, Float32Array>,
  wanted: Readonly<Record<string, number[]>>,
): number[] {
  return Object.entries(wanted).flatMap(([name, numbers]) =>
    numbers.map((value, i) =>
      Math.abs(value - (found.get(name)?.[i * golden.every] ?? NaN))
    )
  ).sort((a, b) => a - b);
}

for (const backend of BACKENDS) {
  Deno.test(`20 steps of AdamW with states in 8 bits on ${backend.name} are PyTorch's with bitsandbytes' storage`, async () => {
    await using device = await openBackend(backend);
    const found = await trainSteps(await make(8), { tensors, steps, device });
    const kept: Kept = golden.steps;
    for (const [step, wanted] of Object.entries(kept)) {
      const far = distances(found[Number(step) - 1], wanted);
      const most = far[far.length - 1];
      const usual = far[Math.floor(0.99 * (far.length - 1))];
      assert.ok(usual < 1e-5, `step ${step}: ${usual}`);
      assert.ok(most < 0.02 * 0.2, `step ${step}: ${most}`);
    }
    // and they are not those of states in 32 bits
    const far = distances(found[19], golden.float32[20]);
    assert.ok(far[far.length - 1] > 1e-4, `${far[far.length - 1]}`);
  });
}

Deno.test("a run with states in 8 bits takes a quarter of their memory, and is stopped and resumed bit for bit", async () => {
  using folder = testFolder();
  const config = (name: string, optimizer: object) =>
    tinyRun(folder.at(name), {
      backend: { use: "cpu", blas: "off", workers: 1 },
      model: {
        from_config: { ...TINY_LLAMA, vocab_size: 264, intermediate_size: 128 },
      },
      optimizer: { use: "adamw", learning_rate: 3e-3, ...optimizer },
      training: { max_steps: 4 },
    });
  const wide = await runConfig(config("wide", {}));
  const whole = await runConfig(config("whole", { state_bits: 8 }));
  const memory = (run: typeof whole) => run.of("start")[0].memory.optimizer;
  assert.ok(memory(whole) < 0.45 * memory(wide), `${memory(whole)}`);
  whole.losses.forEach((loss, i) =>
    assert.ok(Math.abs(loss - wide.losses[i]) < 0.02 * wide.losses[i])
  );
  const stop = new AbortController();
  await runConfig(config("stopped", { state_bits: 8 }), {
    signal: stop.signal,
    onEvent: (e) => e.event === "step" && e.step === 2 && stop.abort(),
  });
  using saved = new SafetensorsFile(
    folder.at("stopped", "checkpoint-2", "optimizer.safetensors"),
  );
  const name = "model.layers.0.mlp.up_proj.weight";
  assert.deepEqual(saved.tensors.get(`exp_avg:${name}`)?.shape, [128, 32]);
  assert.deepEqual(saved.tensors.get(`exp_avg.absmax:${name}`)?.shape, [16]);
  const resumed = await runConfig(config("stopped", { state_bits: 8 }));
  assert.deepEqual(resumed.losses, whole.losses.slice(2));
  assert.deepEqual(
    weightBytes(folder.at("stopped")),
    weightBytes(folder.at("whole")),
  );
});
