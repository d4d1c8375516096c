/**
 * Plans what an engine allocates and compiles: which weights there are and how they are stored, which of them
 * are trained, and the programs of a run. The memory is known to the byte, and no device is asked.
 *
 * ```text
 * request ─► weights ─► trainables ─► micro, update    training
 *                                     evaluate
 *                                     window           losses that read numbers of the whole step
 *                                     score
 *                                     prefill, decode  or predict
 * ```
 * @module
 */
import type { AttachedAdapter } from "../contracts/adapter.ts";
import { ConfigError } from "../contracts/errors.ts";
import {
  Memory,
  type MemoryLimits,
  type MemoryReport,
} from "../graph/memory.ts";
import { type PlannedProgram, planProgram } from "../graph/planner.ts";
import { placeBase } from "./base_copy.ts";
import type { EngineRequest } from "./engine_request.ts";
import {
  type BuildOptions,
  inventoryOf,
  type ModelInventory,
} from "./model/build_model.ts";
import { placePrediction, planPrediction } from "./generate/prediction.ts";
import { placeGeneration, planGeneration } from "./generate/programs.ts";
import { batchCapacities } from "./inputs/host_inputs.ts";
import { microName } from "./loss_program.ts";
import {
  inventoryOfLoss,
  type LossInventory,
  windowName,
} from "./objective_loss.ts";
import { cutAtGradients, type GradientSlice } from "./ranks/gradient_pieces.ts";
import { checkShardable } from "./ranks/optimizer_shards.ts";
import { keepInPanels } from "./memory/panels.ts";
import { planLosses } from "./plan_losses.ts";
import { scoreProgram } from "./score.ts";
import { weightStorage } from "./storage.ts";
import {
  chooseTrainables,
  placeTrainables,
  type Trainables,
} from "./trainables.ts";

/** A planned engine: the memory is known, nothing is allocated. */
export interface PlannedEngine {
  readonly request: EngineRequest;
  readonly inventory: ModelInventory;
  readonly memory: Memory;
  readonly report: MemoryReport;
  readonly trainables: Trainables | null;
  /** What the loss and the model measure, by name. */
  readonly metrics: readonly string[];
  /** What the objective's loss needs; null: it has none of its own. */
  readonly loss: LossInventory | null;
  readonly programs: readonly PlannedProgram[];
  /** The gradients that are complete after each piece of a micro-batch's program; empty: it is not cut. */
  readonly pieces: readonly (readonly GradientSlice[])[];
}

/** Plans an engine for a device with these limits. */
export function planEngine(
  request: EngineRequest,
  limits: MemoryLimits,
): PlannedEngine {
  const { spec, adapter, train, evaluate, generate } = request;
  const memory = new Memory(limits);
  const answersOnly = train === null && generate !== null;
  const maxPositions = Math.max(
    train?.T ?? 0,
    evaluate?.T ?? 0,
    generate?.capacity ?? 0,
    request.score ?? 0,
  );
  const inventory = inventoryOf(spec, maxPositions);
  // trained tensors first: those that are updated alike share an arena, which one kernel updates whole
  const trainables = planTrainables(request, memory, inventory);
  const trained: ReadonlySet<string> = trainables?.names ?? new Set();
  const storage = weightStorage(inventory, {
    ...request,
    quantization: request.quantization ?? null,
    quantizationPattern: request.quantizationPattern ?? {},
    headQuantization: request.headQuantization ?? null,
    trained,
    // a product of few rows waits for its weights, and reads those of an output in order
    byOutput: answersOnly,
  });
  placeFixed(memory, { inventory, adapter, storage, trained });
  const build: BuildOptions = {
    adapter,
    training: false,
    causal: request.causal,
    maxPositions,
    trains: () => false,
    dtypeOf: (name) => storage.get(name)?.dtype ?? "f32",
    isTransposed: (name) => storage.get(name)?.transposed === true,
    checkpoint: false,
    cache: null,
  };
  const loss = request.loss == null ? null : inventoryOfLoss(request.loss);
  for (const name of loss?.window ?? []) {
    memory.variable(windowName(name), [1], { role: "inputs" });
  }
  const metrics = [...loss?.metrics ?? [], ...inventory.losses];
  if (request.loss?.second !== undefined && trainables !== null) {
    placeBase(memory, trainables);
  }
  const { pieces, programs: ofLosses } = cutMicro(
    planLosses(request, { memory, build, trainables, loss, metrics }),
    { request, trainables, memory },
  );
  const planned = [
    ...ofLosses,
    ...planAnswers(request, { memory, build, inventory }),
  ];
  const programs = answersOnly ? keepInPanels(memory, planned) : planned;
  return {
    request,
    inventory,
    memory,
    report: memory.report(),
    trainables,
    metrics,
    loss,
    programs,
    pieces,
  };
}

/** Cuts the program of a micro-batch where ranks add up its gradients. */
function cutMicro(
  programs: readonly PlannedProgram[],
  { request: { train, startsCausal = false }, trainables, memory }: {
    readonly request: EngineRequest;
    readonly trainables: Trainables | null;
    readonly memory: Memory;
  },
): Pick<PlannedEngine, "programs" | "pieces"> {
  // two programs of a micro-batch might complete gradients in two orders
  const fewest = train?.fewestSummed ?? null;
  if (fewest === null || trainables === null || startsCausal) {
    return { programs, pieces: [] };
  }
  const micro = microName({});
  const pieces: (readonly GradientSlice[])[] = [];
  const all = programs.flatMap((program) => {
    if (program.plan.name !== micro) return [program];
    const cut = cutAtGradients(program, { trainables, memory, fewest });
    pieces.push(...cut.map(({ complete }) => complete));
    return cut.map((piece) => piece.program);
  });
  return { programs: all, pieces };
}

/** Chooses what is trained and places it; null where nothing is to be. */
function planTrainables(
  { adapter, frozen, train }: EngineRequest,
  memory: Memory,
  { weights }: ModelInventory,
): Trainables | null {
  if (train === null) return null;
  const { optimizer } = train;
  const trainables = chooseTrainables(memory, {
    weights,
    adapter,
    optimizer,
    frozen: frozen ?? new Set(),
  });
  if (trainables.trained === 0) {
    throw new ConfigError(
      "Nothing is left to train: model.freeze covers every weight",
    );
  }
  const { shard = null } = train;
  if (shard !== null) checkShardable(optimizer, trainables);
  placeTrainables(memory, trainables, optimizer.slots, shard);
  return trainables;
}

/** Places the tensors that are not trained: weights, the adapter's parameters, constants. */
function placeFixed(
  memory: Memory,
  { inventory, adapter, storage, trained }: {
    readonly inventory: ModelInventory;
    readonly adapter: AttachedAdapter | null;
    readonly storage: ReturnType<typeof weightStorage>;
    readonly trained: ReadonlySet<string>;
  },
): void {
  for (const [name, { shape, dtype, transposed }] of storage) {
    if (trained.has(name)) continue;
    memory.variable(name, shape, { role: "weights", dtype, transposed });
  }
  for (const { name, shape } of adapter?.parameters ?? []) {
    if (!trained.has(name)) memory.variable(name, shape, { role: "weights" });
  }
  const constants = [...inventory.constants, ...adapter?.constants ?? []];
  for (const { name, shape } of constants) {
    memory.variable(name, shape, { role: "weights" });
  }
}

/** The programs that score and continue texts. */
function planAnswers(
  { spec, generate, score, decoding = "tokens" }: EngineRequest,
  { memory, build, inventory }: {
    readonly memory: Memory;
    readonly build: BuildOptions;
    readonly inventory: ModelInventory;
  },
): PlannedProgram[] {
  const programs: PlannedProgram[] = [];
  if (score != null) {
    programs.push(
      planProgram(scoreProgram(spec, build), {
        name: "score",
        memory,
        capacities: batchCapacities(1, score),
      }),
    );
  }
  if (generate === null || decoding === null) return programs;
  const limits = generate;
  if (decoding === "tokens") {
    placeGeneration(memory, spec, { states: inventory.states, limits });
    programs.push(...planGeneration(spec, build, { memory, limits }));
  } else {
    placePrediction(memory, spec);
    programs.push(
      planPrediction(spec, build, { memory, limits, decoder: decoding }),
    );
  }
  return programs;
}
