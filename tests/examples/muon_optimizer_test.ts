/** The example `muon_optimizer`: its suite, PyTorch's numbers on every backend, and a run that is resumed. */
import assert from "node:assert/strict";
import plugin from "../../examples/muon_optimizer/muon.ts";
import { creatingWith } from "../../core/config/parts/create_part.ts";
import type { Device, Optimizer } from "@denotune/denotune/core";
import { openRegistry } from "../../core/config/parts/open_registry.ts";
import { builtIn } from "../../plugins/library.ts";
import { testOptimizer } from "../conformance/optimizer.ts";
import {
  type StartedTensor,
  trainSteps,
} from "../conformance/optimizer/steps.ts";
import golden from "../golden/muon.json" with { type: "json" };
import { fromFileUrl } from "../files.ts";
import { loadRun } from "../../core/config/load.ts";
import { callbackTracker } from "../../core/run/callback_tracker.ts";
import { trainRun } from "../../core/run/run.ts";
import { testFolder, weightBytes } from "../run_harness.ts";
import { BACKENDS, openBackend } from "../golden/_backends.ts";

const registry = await openRegistry(builtIn);
const { host } = creatingWith(registry);
const file = new URL("../../examples/muon_optimizer/", import.meta.url);

async function muon(options: object = {}): Promise<Optimizer> {
  const [part] = plugin.parts;
  const checked = await part.options["~standard"].validate(options);
  assert.ok(checked.issues === undefined);
  const made = await part.create(checked.value, host);
  assert.ok("tensorUpdate" in made);
  return made;
}

testOptimizer("muon", muon);

type Golden = Readonly<
  Record<string, Readonly<Record<string, readonly number[]>>>
>;
const values: Golden = golden.values;
const rounded: Golden = golden.rounded;
const shapes = Object.entries(golden.shapes);
const tensors: StartedTensor[] = shapes.map(([name, shape], k) => ({
  name,
  shape,
  values: Float32Array.from(
    { length: shape[0] * shape[1] },
    (_, i) => Math.sin(0.7 * i + 1.9 * k),
  ),
}));
const steps = Array.from({ length: 20 }, (_, s) => {
  const step = s + 1;
  const gradients = Object.fromEntries(shapes.map(([name, shape], k) => [
    name,
    Float32Array.from(
      { length: shape[0] * shape[1] },
      (_, i) => Math.cos(0.37 * i * (1 + 0.1 * step) + 1.3 * step + 2.1 * k),
    ),
  ]));
  return { gradients, learningRate: 0.02 };
});

/** The largest difference of any element, over all tensors of a step. */
function difference(
  found: ReadonlyMap<string, Float32Array>,
  wanted: Readonly<Record<string, readonly number[]>>,
): number {
  const all = Object.entries(wanted).flatMap(([name, numbers]) =>
    numbers.map((value, i) => Math.abs(value - (found.get(name)?.[i] ?? NaN)))
  );
  return all.reduce((a, b) => (b <= a ? a : b), 0);
}

for (const backend of BACKENDS) {
  Deno.test(`20 steps of muon on ${backend.name} are torch.optim.Muon's`, async () => {
    await using device: Device = await openBackend(backend);
    const optimizer = await muon({ learning_rate: 0.02, weight_decay: 0.1 });
    const found = await trainSteps(optimizer, { tensors, steps, device });
    for (const [step, wanted] of Object.entries(values)) {
      // of float32: 20 steps of 0.02, each from five products
      const error = difference(found[Number(step) - 1], wanted);
      assert.ok(error < 2e-6, `step ${step}: ${error}`);
    }
    // PyTorch rounds the Newton-Schulz steps to bfloat16: a tenth of the 0.4 that 20 steps may move an element
    const error = difference(found[19], rounded[20]);
    assert.ok(error < 0.04, `as PyTorch rounds: ${error}`);
  });
}

Deno.test("the example's run file trains, and a run that stopped goes on bit for bit", async () => {
  using folder = testFolder();
  const train = async (name: string, overrides: string[], stopAt?: number) => {
    const stop = new AbortController();
    const run = await loadRun({
      file: fromFileUrl(new URL("run.yaml", file)),
      registry: await openRegistry(builtIn),
      overrides: [
        `output_dir=${folder.at(name)}`,
        "backend={use: cpu, blas: off, workers: 1}",
        "training.eval_steps=null",
        "training.save_steps=null",
        "trackers=[]",
        "samples.at=[]",
        ...overrides,
      ],
    });
    const losses: number[] = [];
    await trainRun(run, {
      signal: stop.signal,
      trackers: [callbackTracker((event) => {
        if (event.event !== "step") return;
        losses.push(event.loss ?? NaN);
        if (event.step === stopAt) stop.abort();
      })],
    });
    return losses;
  };
  const whole = await train("whole", []);
  assert.ok(whole[whole.length - 1] < whole[0], `${whole}`);
  await train("broken", [], 2);
  await train("broken", []);
  assert.deepEqual(
    weightBytes(folder.at("broken")),
    weightBytes(folder.at("whole")),
  );
});
