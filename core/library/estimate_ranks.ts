/**
 * What a run would give on a cluster that is not there: a step of one rank is run here with weights of zero, and its
 * network is reckoned.
 * @module
 */
import type { Rehearsal, RehearsedCall } from "../contracts/collective.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { Inputs } from "../contracts/objective.ts";
import { Engine, trainedBatchTokens } from "../engine/engine.ts";
import { planEngine } from "../engine/plan_engine.ts";
import { FEWEST_SUMMED } from "../engine/ranks/gradient_pieces.ts";
import { openDevice } from "../run/open/choose_backend.ts";
import { memoryNeed, refuseTooLarge } from "../run/open/memory_check.ts";
import type { PreparedRun, RunPlan } from "../run/open/open_run.ts";
import { openCollective } from "../run/ranks/open_ranks.ts";
import {
  estimateStep,
  type MeasuredRank,
  type Network,
  type StepEstimate,
} from "../run/ranks/step_time.ts";
import { microBatches, runStep } from "../run/loop/train_step.ts";

/** A cluster to try a run on. */
export interface Cluster {
  /** How many there are. */
  readonly ranks: number;
  /** What joins them. */
  readonly network: Network;
}

/** What a cluster would give. */
export interface RanksEstimate extends StepEstimate {
  /** What was asked about. */
  readonly cluster: Cluster;
  /** Micro-batches of a step, for all ranks together. */
  readonly micros: number;
  /** Tokens that a step reads, padding left out. */
  readonly tokens: number;
  /** Bytes that a rank takes. */
  readonly memory: number;
  /** The same with `optimizer_sharding`; null: the optimizer cannot be shared out. */
  readonly shardedMemory: number | null;
  /** Bytes that optimizer states take of them. */
  readonly optimizer: number;
  /** The same with `optimizer_sharding`. */
  readonly shardedOptimizer: number | null;
}

/** Micro-batches that are timed; the first run of a program is left out. */
const TIMED = 3;

/** Measures one rank of a run and reckons the cluster. Throws `ConfigError` where a run can have no ranks. */
export async function estimateRanks(
  { run, creating, data }: PreparedRun,
  { parts, request }: RunPlan,
  clusters: readonly Cluster[],
): Promise<RanksEstimate[]> {
  const { config } = run;
  if (parts.objective.ask !== undefined) {
    throw new ConfigError(
      `The ${parts.describedObjective} asks the model before each step, which needs one process: ranks cannot be reckoned`,
    );
  }
  const collective = await openCollective(run, creating);
  const opened = await openDevice(run, creating);
  await using device = opened.device;
  const { info } = device;
  const started = performance.now();
  const step = await data.feed.step(0, 0);
  const micro = microBatches(
    parts.objective,
    step.batches.map((batch) => ({ batch, own: {} })),
    { seed: config.seed, step: 0 },
  );
  const dataSeconds = since(started);
  const planned = (shard: { rank: number; world: number } | null) =>
    request.train === null ? planEngine(request, info) : planEngine({
      ...request,
      train: { ...request.train, shard, fewestSummed: FEWEST_SUMMED },
    }, info);
  const alone = planned(null);
  const need = memoryNeed(alone, info, config.memory_limit);
  refuseTooLarge(request, need, { config, info });
  await using engine = await Engine.open(alone, device);
  const times = await timesOf(engine, micro);
  const estimates: RanksEstimate[] = [];
  for (const cluster of clusters) {
    const { ranks: world, network } = cluster;
    const rehearsal = collective.rehearse?.(world, network);
    if (rehearsal === undefined) {
      throw new ConfigError(
        "`parallel` joins no ranks that can be reckoned with: set it to mpi, or leave it out",
      );
    }
    const sharded = shardedOrNull(() => planned({ rank: 0, world }));
    const isSharded = rehearsal.collective.shardsOptimizer === true &&
      world > 1;
    if (isSharded && sharded === null) planned({ rank: 0, world }); // says why
    await using own = isSharded && sharded !== null
      ? await Engine.open(sharded, device)
      : null;
    const step = await stepOf(own ?? engine, { micro, rehearsal });
    const measured = { data: dataSeconds, ...times, ...step };
    estimates.push({
      ...estimateStep(measured, { world, micros: micro.length, network }),
      cluster,
      micros: micro.length,
      tokens: micro.reduce((n, inputs) => n + trainedBatchTokens(inputs), 0),
      memory: alone.report.total + need.runtime,
      shardedMemory: sharded === null
        ? null
        : sharded.report.total + need.runtime,
      optimizer: alone.report.optimizer,
      shardedOptimizer: sharded?.report.optimizer ?? null,
    });
  }
  return estimates;
}

/** What counts as an update: nothing is learned by it. */
const UPDATE = { learningRate: 0, step: 1 };

/** The times of a micro-batch and of an update. */
async function timesOf(
  engine: Engine,
  micro: readonly Inputs[],
): Promise<Pick<MeasuredRank, "micro" | "update">> {
  const micros: number[] = [];
  const updates: number[] = [];
  for (let i = 0; i <= TIMED; i++) {
    const inputs = micro[i % micro.length];
    micros.push(await timed(engine, () => engine.micro(inputs, 1)));
    updates.push(await timed(engine, () => engine.update(UPDATE)));
  }
  return { micro: median(micros.slice(1)), update: median(updates.slice(1)) };
}

/** What rank 0 does in a step of one micro-batch, timed. */
async function stepOf(
  engine: Engine,
  { micro, rehearsal: { collective, calls } }: {
    readonly micro: readonly Inputs[];
    readonly rehearsal: Rehearsal;
  },
): Promise<Pick<MeasuredRank, "step" | "from" | "calls">> {
  const steps: { step: number; from: number; calls: RehearsedCall[] }[] = [];
  for (let i = 0; i <= TIMED; i++) {
    const first = calls.length;
    const from = performance.now();
    // rank 0 of a world takes the first micro-batch of the world's first round
    const step = await timed(
      engine,
      () =>
        runStep(
          { engine, collective },
          micro.slice(0, collective.world),
          UPDATE,
        ),
    );
    steps.push({ step, from, calls: calls.slice(first) });
  }
  return steps.slice(1).sort((a, b) => a.step - b.step)[TIMED >> 1];
}

async function timed(
  { session }: Engine,
  body: () => void | Promise<unknown>,
): Promise<number> {
  const from = performance.now();
  await body();
  await session.idle();
  return since(from);
}

function shardedOrNull<T>(plan: () => T): T | null {
  try {
    return plan();
  } catch (error) {
    if (error instanceof Error && error.name === "ConfigError") return null;
    throw error;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function since(from: number): number {
  return (performance.now() - from) / 1000;
}
