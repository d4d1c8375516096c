/**
 * A run checked as far as it goes without training: its files, every row of its data, and its memory.
 * @module
 */
import { createHash } from "node:crypto";
import { chosenAt } from "../config/chosen_at.ts";
import type { LoadedRun } from "../config/load.ts";
import { creatingWith } from "../config/parts/create_part.ts";
import { DataError, isDenotuneError } from "../contracts/errors.ts";
import { cacheFolder } from "../io/cache_folder.ts";
import { rowProblem } from "../run/open/row_problem.ts";
import type { PreparedDataset } from "../data/prepared/prepared_dataset.ts";
import type { DataReport } from "../data/types.ts";
import { planEngine } from "../engine/plan_engine.ts";
import { checkPrecision, openDevice } from "../run/open/choose_backend.ts";
import { modelFolderOf } from "../run/open/open_model.ts";
import { chooseMemory } from "../run/open/fit_memory.ts";
import { withChoice } from "../run/open/memory_choice.ts";
import { memoryNeed, refuseTooLarge } from "../run/open/memory_check.ts";
import {
  planRun,
  type PreparedRun,
  type PrepareOptions,
} from "../run/open/open_run.ts";
import {
  type Cluster,
  estimateRanks,
  type RanksEstimate,
} from "./estimate_ranks.ts";
import { prepareRun } from "./prepare.ts";

/** What a run would take on the backend that it would train on. */
export interface PlannedMemory {
  /** Name of the backend part. */
  readonly backend: string;
  /** The hardware, as people know it. */
  readonly description: string;
  /** Why this backend; null where the run names it. */
  readonly reason: string | null;
  /** Bytes by use: weights, gradients, ... */
  readonly uses: Readonly<Record<string, number>>;
  /** Bytes that the run takes, the process itself included. */
  readonly total: number;
  /** Bytes that it may take. */
  readonly limit: number;
}

/** A run that passed its checks. Dispose of it to close its files. */
export interface CheckedRun extends Disposable {
  /** Name of the model, as the run gives it. */
  readonly modelName: string;
  /** `model_type` of its config. */
  readonly modelType: string;
  /** Name of the adapter part; null: all weights are trained. */
  readonly adapter: string | null;
  /** Numbers in the model and its adapter. */
  readonly parameters: number;
  /** How many of them are trained. */
  readonly trainedParameters: number;
  /** The optimizer's learning rate, before its schedule. */
  readonly learningRate: number;
  /** Counts of the rows: of all, or of the first ones of a stream. */
  readonly report: DataReport;
  /** Name of the template part. */
  readonly templateName: string;
  /** Where BOS of the first row comes from, in words; null for tokens that were made elsewhere. */
  readonly bos: string | null;
  /** Name of the masker part. */
  readonly maskerName: string;
  /** Examples that are evaluated on; null: none. */
  readonly evaluationExamples: number | null;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
  /** Examples with the tokens of one before them; of a stream, among the first rows. */
  readonly duplicates: number;
  /** The first example, what is trained in it marked. */
  sample(): string;
  /** Plans the run on its device. Throws `DeviceError` where it does not fit, naming what would make it fit. */
  memory(): Promise<PlannedMemory>;
  /**
   * What clusters would give: one rank of each is measured here. Throws `ConfigError` for a run that can have no
   * ranks.
   */
  estimate(clusters: readonly Cluster[]): Promise<RanksEstimate[]>;
}

/** Opens and checks a run. Throws what `train` would throw before its first step. */
export async function checkRun(
  run: LoadedRun,
  options: PrepareOptions = {},
): Promise<CheckedRun> {
  await checkPrecision(
    run,
    creatingWith(run.registry, { seed: run.config.seed }),
  );
  using opened = new DisposableStack();
  const prepared = opened.use(await prepareOrSayAll(run, options));
  const plan = await planRun(prepared, options);
  const { request, totalSteps, parts, parameters } = plan;
  const { model, data, creating } = prepared;
  const held = opened.move();
  return {
    modelName: model.name,
    modelType: model.spec.modelType,
    adapter: chosenAt(run, "adapter", "adapter")?.part.name ?? null,
    parameters: parameters.total,
    trainedParameters: parameters.trained,
    learningRate: parts.optimizer.learningRate,
    report: data.train.report,
    templateName: data.templateName,
    bos: data.bos,
    maskerName: data.maskerName,
    evaluationExamples: data.evaluation?.length ?? null,
    totalSteps,
    duplicates: duplicatesOf(data.train),
    sample: () => data.train.sample(data.train.example(0)),
    async memory() {
      const chosen = await openDevice(run, creating);
      await using device = chosen.device;
      const { info } = device;
      const planned = planEngine(request, info);
      const { config } = prepared.run;
      const need = memoryNeed(planned, info, config.memory_limit);
      const { total: _, ...uses } = planned.report;
      refuseTooLarge(request, need, { config, info });
      return {
        backend: chosen.name,
        description: info.description,
        reason: chosen.reason,
        uses: { ...uses, runtime: need.runtime },
        total: need.total,
        limit: need.limit,
      };
    },
    estimate: (clusters) => estimateRanks(prepared, plan, clusters),
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** The run as it would be trained: with what `memory: auto` chooses. */
async function fittedRun(
  run: LoadedRun,
  { signal, onNotice }: PrepareOptions,
): Promise<LoadedRun> {
  if (run.config.memory === "as-written") return run;
  const located = await modelFolderOf(run.config.model, { signal });
  const creating = creatingWith(run.registry, {
    modelDir: located?.path ?? null,
    seed: run.config.seed,
  });
  const choice = await chooseMemory(run, { located, creating }, {
    signal,
    onNotice,
  });
  return withChoice(run, choice);
}

/** Opens a run; where that fails before the rows are read, the error says what is wrong with them, too. */
async function prepareOrSayAll(
  run: LoadedRun,
  options: PrepareOptions,
): Promise<PreparedRun> {
  try {
    return await prepareRun(await fittedRun(run, options), options);
  } catch (error) {
    if (!isDenotuneError(error) || error.name === "DeviceError") throw error;
    const found = await rowProblem(run, {
      creating: creatingWith(run.registry, { seed: run.config.seed }),
      cacheDir: cacheFolder(),
    });
    const { message } = error;
    if (found === null || message.includes(found) || found.includes(message)) {
      throw error;
    }
    throw new DataError(`${message}\nThe data have a problem, too: ${found}`, {
      cause: error,
    });
  }
}

/** Examples that are compared, at most: what is counted says that there are duplicates, not where. */
const COMPARED = 500_000;

/** How many examples have the tokens of one before them. */
function duplicatesOf(set: PreparedDataset): number {
  const seen = new Set<string>();
  const count = Math.min(set.length, COMPARED);
  for (let i = 0; i < count; i++) {
    const { buffer, byteOffset, byteLength } = set.example(i).ids;
    const hash = createHash("md5")
      .update(new Uint8Array(buffer, byteOffset, byteLength));
    seen.add(hash.digest("base64"));
  }
  return count - seen.size;
}
