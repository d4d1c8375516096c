/**
 * Training steps of our engine: a model with random weights, whole or by LoRA, every token trained or some of them.
 * @module
 */
import process from "node:process";
import type { Inputs } from "../../../core/contracts/objective.ts";
import { Engine } from "../../../core/engine/engine.ts";
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import type { CpuSettings } from "../../../backends/cpu/mod.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import { cpuBackend } from "../../backends/cpu/open.ts";
import { productsOf, secondsOfProducts } from "./floor.ts";
import { type ModelName, specOf } from "./models.ts";
import { showProfile } from "./profile.ts";
import { type Measured, peakMemory, THREADS } from "./row.ts";
import { trainRequest } from "../../train_request.ts";

/** What is trained. */
export interface Training {
  readonly model: ModelName;
  readonly B: number;
  readonly T: number;
  /** Steps that are timed, after one that is not. */
  readonly steps: number;
  /** Rank of LoRA on all linear layers; absent: all weights are trained. */
  readonly rank?: number;
  /** Every how many tokens one is trained; absent: all are. */
  readonly every?: number;
  readonly checkpointing?: boolean;
  /** Operands of products; absent: float32. The peer then computes under autocast. */
  readonly precision?: "float32" | "bfloat16";
  /** Absent: a BLAS where there is one. */
  readonly blas?: CpuSettings["blas"];
  /** Absent: as many as the peers have threads. */
  readonly workers?: number;
}

/** The same tokens as in peers.py; the last of a row has no target. */
function batch(t: Training, step: number, vocabulary: number): Inputs {
  const { B, T, every = 1 } = t;
  const N = B * T;
  const tokens = Int32Array.from(
    { length: N },
    (_, i) => (i * 7919 + step * 104729) % vocabulary,
  );
  const rows = Int32Array.from(tokens.keys()).filter((i) =>
    i % T !== T - 1 && (i + 1) % every === 0
  );
  return {
    B,
    T,
    tokens,
    positions: Int32Array.from({ length: N }, (_, i) => i % T),
    segments: new Int32Array(N).fill(1),
    rowKeys: Int32Array.from(tokens.keys()),
    rows,
    targets: rows.map((i) => tokens[i + 1]),
    weights: new Float32Array(rows.length).fill(1),
    sources: new Int32Array(rows.length),
    divisor: rows.length,
  };
}

/** Steps of training; work is the tokens of the batches, trained or not. With `profile` kernels are printed. */
export async function train(t: Training, profile = false): Promise<Measured> {
  const spec = await specOf(t.model);
  const { precision = "float32" } = t;
  const backend = await cpuBackend({
    workers: t.workers ?? THREADS,
    blas: t.blas ?? "auto",
    profile,
  });
  const device = await backend.open({ precision });
  const planned = planEngine(
    trainRequest(spec, {
      adapter: t.rank === undefined
        ? null
        : loraAdapter(loraOptions.parse({ r: t.rank, lora_alpha: 32 }))
          .attach({ spec, ...inventoryOf(spec, t.T) }),
      precision,
      adamw: { learning_rate: 1e-4 },
      train: { B: t.B, T: t.T, checkpointing: t.checkpointing ?? false },
    }),
    device.info,
  );
  const engine = await Engine.open(planned, device);
  for (
    const w of [
      ...planned.inventory.weights,
      ...planned.request.adapter?.parameters ?? [],
    ]
  ) {
    engine.session.write(w.name, initialWeights(w, 1));
  }
  const run = async (first: number, count: number) => {
    for (let step = first; step < first + count; step++) {
      const inputs = batch(t, step, spec.vocabSize);
      engine.micro(inputs, inputs.divisor);
      engine.update({ learningRate: 1e-4, step });
    }
    await device.idle();
  };
  await run(1, 1);
  await device.profile?.();
  const before = process.cpuUsage();
  const start = performance.now();
  await run(2, t.steps);
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(before);
  if (profile) showProfile(await device.profile?.() ?? [], t.steps);
  const measured = {
    work: t.steps * t.B * t.T,
    seconds,
    processor: (used.user + used.system) / 1e6,
    peak: peakMemory(),
  };
  const micro = planned.programs.find((p) => p.plan.name === "micro");
  if (micro === undefined) throw new Error("no program micro");
  const rows = batch(t, 1, spec.vocabSize).rows.length;
  const operations = t.steps *
    productsOf(micro.plan, { ...micro.plan.capacities, B: t.B, T: t.T, rows });
  await engine[Symbol.asyncDispose]();
  await device[Symbol.asyncDispose]();
  // the floor is of products in float32
  return precision === "float32"
    ? { ...measured, floor: await secondsOfProducts(operations) }
    : measured;
}
