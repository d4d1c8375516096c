/**
 * Twenty steps of AdamW on stories260k against torch 1.13 in float32, by the engine that training runs on:
 * constant rate, and warm-up + cosine with clipping; padded, and with the same rows packed two a line.
 *
 * Tolerances, relative.
 *
 * - Losses 1e-4 at every step, norms of the tensors at the end 1e-4. Measured on the reference, which computes
 *   in double precision: 2.7e-5; on cpu 3.3e-5, with BLAS and without.
 * - Norms of all gradients 2e-4: those of double precision are up to 1.01e-4 from torch's in float32.
 *
 * At a constant rate this asks for more than float32 gives by itself. The first step of AdamW is the sign of
 * the gradient, and one of 260,032 gradients of the first batch is -1.56e-7 in exact arithmetic. Where sums are
 * long chains of float32 (torch 2.13 among others) it gets the other sign, and step 17 is 5.6e-4 off. On cpu
 * the way in which kernels add up holds it (`tests/backends/cpu/exactness_test.ts`): that gradient is off by
 * 4e-8 to 12e-8, and by 3.5e-8 where every tensor is right but for being rounded once. webgpu on llvmpipe keeps
 * the sign too; an adapter that rounds otherwise may not.
 *
 * Plain loops and software GPUs are slow: without `DENOTUNE_TEST_ALL=1` the reference takes the first steps, and it
 * and webgpu take two of the four runs each; cpu takes all.
 */
import { loadWeights } from "../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import assert from "node:assert/strict";
import {
  type Choice,
  createPart,
  creatingWith,
  type Device,
  type Schedule,
} from "@denotune/denotune/core";
import type { Inputs } from "../../core/contracts/objective.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { llamaArchitecture } from "../conformance/model/architectures.ts";
import { reference } from "../../backends/reference/mod.ts";
import { webgpu } from "../../backends/webgpu/mod.ts";
import { cpuBackend } from "../backends/cpu/open.ts";
import { missing, title as gpuTitle } from "../backends/webgpu/_device.ts";
import { builtinRegistry } from "../run_harness.ts";
import { testData } from "../test_data.ts";
import { openBackend } from "./_backends.ts";
import { layOutLines, type Row } from "./_lines.ts";
import { trainRequest } from "../train_request.ts";

interface Trajectory {
  readonly steps: readonly (readonly [number, number, number, number])[];
  readonly final_param_sum_l2: {
    readonly [name: string]: readonly [number, number];
  };
}

interface Golden {
  readonly batch0_grad_norms: { readonly [name: string]: number };
  readonly batches: readonly {
    readonly input_ids: readonly (readonly number[])[];
    readonly labels: readonly (readonly number[])[];
    readonly attention_mask: readonly (readonly number[])[];
  }[];
  readonly full_adamw_const: Trajectory;
  readonly full_adamw_clip1_cosine: Trajectory;
}

const model = testData("models/stories260k");
const numbers = testData("golden/stories260k_training.json");
const ignore = model === null || numbers === null;
const LONG = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const RATE = 1e-3;

const RUNS = {
  full_adamw_const: { maxGradNorm: null, schedule: "constant" },
  full_adamw_clip1_cosine: {
    maxGradNorm: 1,
    schedule: { use: "cosine", warmup_steps: 5 },
  },
} as const;

async function openSchedule(choice: Choice): Promise<Schedule> {
  const registry = builtinRegistry();
  return await createPart("schedule", choice, creatingWith(registry));
}

function rowsOf(batch: Golden["batches"][number]): Row[] {
  return batch.input_ids.map((ids, i) => {
    const n = batch.attention_mask[i].reduce((a, b) => a + b, 0);
    return { ids: ids.slice(0, n), labels: batch.labels[i].slice(0, n) };
  });
}

async function openEngine(
  device: Device,
  options: { B: number; T: number; maxGradNorm: number | null },
): Promise<Engine> {
  using files = openModelFolder(model!);
  const spec = llamaArchitecture.describe(files.config);
  const { B, T, maxGradNorm } = options;
  const planned = planEngine(
    trainRequest(spec, {
      adamw: {
        learning_rate: RATE,
        weight_decay: 0.01,
        // torch's default: every parameter
        decay_norm_and_bias: true,
      },
      train: { B, T, maxGradNorm },
    }),
    device.info,
  );
  const engine = await Engine.open(planned, device);
  await loadWeights(files, { spec, weights: planned.inventory.weights }, {
    dtypeOf: () => "f32",
    sink: ({ name, start, data }) => engine.session.write(name, data, start),
  });
  return engine;
}

function near(
  found: number,
  wanted: number,
  at: { tolerance: number; what: string },
): void {
  const off = Math.abs(found / wanted - 1);
  assert.ok(
    off <= at.tolerance,
    `${at.what}: ${found}, torch ${wanted} (off by ${off.toExponential(2)})`,
  );
}

/** Runs the first `steps` steps; all of them: compares the weights too. */
async function follow(
  device: Device,
  run: keyof typeof RUNS,
  options: { packed: boolean; steps: number },
): Promise<void> {
  const golden: Golden = JSON.parse(Deno.readTextFileSync(numbers!));
  const { maxGradNorm, schedule } = RUNS[run];
  const trajectory = golden[run];
  const batches: Inputs[] = golden.batches.map((batch) => {
    const rows = rowsOf(batch);
    return layOutLines(
      options.packed ? [rows.slice(0, 2), rows.slice(2)] : rows.map((r) => [r]),
    );
  });
  const { factor } = await openSchedule(schedule);
  await using engine = await openEngine(device, {
    B: Math.max(...batches.map((b) => b.B)),
    T: Math.max(...batches.map((b) => b.T)),
    maxGradNorm,
  });
  const totalSteps = trajectory.steps.length;
  for (
    const [step, loss, norm, rate] of trajectory.steps.slice(0, options.steps)
  ) {
    const inputs = batches[step % batches.length];
    const learningRate = RATE * factor(step, { totalSteps });
    assert.ok(Math.abs(learningRate - rate) < 1e-9, `rate of step ${step}`);
    engine.micro(inputs, inputs.divisor);
    if (step === 0) await compareGradients(engine, golden);
    engine.update({ learningRate, step: step + 1 });
    const [result] = await engine.results(1);
    const mean = result.lossSum / inputs.divisor;
    near(mean, loss, { tolerance: 1e-4, what: `loss of step ${step}` });
    near(result.gradNorm, norm, {
      tolerance: 2e-4,
      what: `gradient norm of step ${step}`,
    });
  }
  if (options.steps < totalSteps) return;
  for (
    const [name, [, l2]] of Object.entries(trajectory.final_param_sum_l2)
  ) {
    const values = await engine.readTrained(name);
    const norm = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
    near(norm, l2, {
      tolerance: 1e-4,
      what: `norm of ${name} at the end`,
    });
  }
}

/** Batch 0, before the first update: the norm of every tensor's gradient, to 1e-4. */
async function compareGradients(engine: Engine, golden: Golden): Promise<void> {
  for (const [name, wanted] of Object.entries(golden.batch0_grad_norms)) {
    const values = await engine.gradient(name);
    const norm = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
    near(norm, wanted, { tolerance: 1e-4, what: `gradient of ${name}` });
  }
}

const LAYOUTS = [{ packed: false }, { packed: true }];

for (const run of ["full_adamw_const", "full_adamw_clip1_cosine"] as const) {
  for (const { packed } of LAYOUTS) {
    // what shows warm-up, cosine and a batch seen again; `cpu` and `webgpu` run all 20 steps
    const steps = LONG ? 20 : 6;
    const layout = packed ? "packed" : "padded";
    const onReference = LONG || (run === "full_adamw_const") !== packed;
    const onWebgpu = LONG || !onReference;
    Deno.test({
      name: `${run} on reference, ${layout}, goes as torch's does${
        steps < 20 ? ` (${steps} of 20 steps)` : ""
      }`,
      ignore: ignore || !onReference,
      async fn() {
        await using device = await openBackend(reference);
        await follow(device, run, { packed, steps });
      },
    });
    Deno.test({
      name: gpuTitle(`${run} on webgpu, ${layout}, goes as torch's does`),
      ignore: ignore || missing !== null || !onWebgpu,
      async fn() {
        await using device = await openBackend(webgpu);
        await follow(device, run, { packed, steps: 20 });
      },
    });
    for (const blas of ["off", "required", "machine_code"] as const) {
      Deno.test({
        name:
          `${run} on cpu with blas: ${blas}, ${layout}, goes as torch's does`,
        ignore,
        async fn() {
          const backend = await cpuBackend({ blas, workers: 2 });
          const state = await backend.available();
          if (!state.ok) return console.log(`skipped: ${state.reason}`);
          await using device = await backend.open();
          await follow(device, run, { packed, steps: 20 });
        },
      });
    }
  }
}
