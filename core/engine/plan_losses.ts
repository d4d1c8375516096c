/**
 * Plans the programs of an engine that compute a loss: of a micro-batch and the update behind it, of evaluation, and
 * of numbers of the whole step. Places the sums that they leave behind.
 * @module
 */
import type { Graph } from "../graph/graph.ts";
import type { Memory } from "../graph/memory.ts";
import { type PlannedProgram, planProgram } from "../graph/planner.ts";
import { computeInHalf } from "../graph/precision/half_precision.ts";
import { baseName } from "./base_copy.ts";
import type { EngineRequest } from "./engine_request.ts";
import { batchCapacities } from "./inputs/host_inputs.ts";
import { levelCapacities } from "./inputs/level_inputs.ts";
import {
  evaluateProgram,
  metricNames,
  microName,
  microProgram,
  sumNames,
  windowProgram,
} from "./loss_program.ts";
import type { BuildOptions } from "./model/build_model.ts";
import type { LossInventory } from "./objective_loss.ts";
import { RING_SLOTS, ringColumns } from "./update/step_ring.ts";
import type { Trainables } from "./trainables.ts";
import { updateProgram } from "./update/update_program.ts";

/** The programs that compute a loss: of training, of evaluation, and of numbers of the whole step. */
export function planLosses(
  {
    spec,
    train,
    evaluate,
    sources,
    precision,
    loss = null,
    startsCausal = false,
  }: EngineRequest,
  { memory, build, trainables, loss: needs, metrics }: {
    readonly memory: Memory;
    readonly build: BuildOptions;
    readonly trainables: Trainables | null;
    readonly loss: LossInventory | null;
    readonly metrics: readonly string[];
  },
): PlannedProgram[] {
  const capacities = (
    { B, T }: { readonly B: number; readonly T: number },
  ) => ({
    ...batchCapacities(B, T),
    ...(loss === null ? {} : levelCapacities(B * T)),
  });
  // the base: frozen copies of what is trained, and all else as it is
  const second: BuildOptions | null = loss?.second === undefined ? null : {
    ...build,
    variableOf: (name) =>
      trainables?.names.has(name) === true ? baseName(name) : name,
  };
  const programs: PlannedProgram[] = [];
  const plan = (
    graph: Graph,
    options: Omit<Parameters<typeof planProgram>[1], "memory">,
  ) => {
    if (precision === "bfloat16") computeInHalf(graph, "bf16");
    if (precision === "float16") computeInHalf(graph, "f16");
    return planProgram(graph, { ...options, memory });
  };
  if (train !== null && trainables !== null) {
    placeSums(memory, "train", { sources, metrics });
    memory.variable(
      "ring",
      [RING_SLOTS, ringColumns(sources, metrics.length)],
      { role: "inputs" },
    );
    const micro = (options: { readonly causal?: boolean } = {}) =>
      plan(
        microProgram(spec, {
          ...build,
          ...options,
          training: true,
          trains: (name) => trainables.names.has(name),
          checkpoint: train.checkpointing,
          dropout: train.dropout,
        }, { sources, loss, second, trainables }),
        {
          name: microName(options),
          capacities: capacities(train),
        },
      );
    const update = updateProgram(trainables, train.optimizer, {
      maxGradNorm: train.maxGradNorm,
      sources,
      metrics,
      window: needs?.window,
      shard: train.shard,
      scaled: precision === "float16",
    });
    programs.push(
      micro(),
      ...(startsCausal ? [micro({ causal: true })] : []),
      planProgram(update, { name: "update", memory, capacities: {} }),
    );
  }
  if (evaluate !== null) {
    placeSums(memory, "eval", { sources, metrics });
    programs.push(
      plan(evaluateProgram(spec, build, { sources, loss, second }), {
        name: "evaluate",
        capacities: capacities(evaluate),
      }),
    );
  }
  if (loss !== null && needs !== null && needs.window.length > 0) {
    // takes micro-batches of training and of evaluation
    const B = Math.max(train?.B ?? 0, evaluate?.B ?? 0);
    const T = Math.max(train?.T ?? 0, evaluate?.T ?? 0);
    programs.push(
      plan(windowProgram(spec, build, { loss, second }), {
        name: "window",
        capacities: capacities({ B, T }),
      }),
    );
  }
  return programs;
}

function placeSums(
  memory: Memory,
  prefix: "train" | "eval",
  { sources, metrics }: {
    readonly sources: number;
    readonly metrics: readonly string[];
  },
): void {
  const names = sumNames(prefix);
  for (const metric of metrics) {
    for (const name of metricNames(prefix, metric)) {
      memory.variable(name, [1], { role: "inputs" });
    }
  }
  memory.variable(names.loss, [1], { role: "inputs" });
  memory.variable(names.correct, [1], { role: "inputs" });
  memory.variable(names.sources, [sources], { role: "inputs" });
}
