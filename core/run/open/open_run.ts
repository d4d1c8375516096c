/**
 * A run as far as it goes without a device: model, tokenizer, data, preflight, parts, and the request that
 * memory is planned from. Training, `check` and `inspect` begin with it; nothing is written.
 * @module
 */
import {
  beside,
  createResolved,
  type Creating,
} from "../../config/parts/create_part.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { describePart } from "../../config/schema/options_schema.ts";
import type { Json } from "../../contracts/json.ts";
import { markOf } from "../decoding_mark.ts";
import type { Objective } from "../../contracts/objective.ts";
import { decodingOf } from "../../engine/generate/decoding.ts";
import { specWithHead } from "../../engine/objective_head.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { Collective } from "../../contracts/collective.ts";
import type { Shard } from "../../engine/ranks/shard.ts";
import { preflight } from "../../data/preflight.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { cacheFolder } from "../../io/cache_folder.ts";
import type { Kind, KindMap } from "../../contracts/plugin.ts";
import { checkModelFits, describeLongRows } from "./checks.ts";
import type { EngineRequest } from "../../engine/engine_request.ts";
import { planEngine } from "../../engine/plan_engine.ts";
import { describeAdded, fitTokens } from "./grow_vocabulary.ts";
import { openData, type OpenedData } from "./open_data.ts";
import { checkWeights, type modelFolderOf, openModel } from "./open_model.ts";
import type { OpenedModel } from "./opened_model.ts";
import { openTokenizer } from "./open_tokenizer.ts";
import { planRequest } from "./plan_request.ts";
import {
  type OpenedEvaluator,
  openEvaluators,
} from "../evaluation/evaluators.ts";
import { wordingOf } from "../evaluation/wording.ts";
import type { EvaluationRow } from "../../contracts/evaluator.ts";
import { checkBestMetric, checkMetric } from "../loop/best_model.ts";
import { modelFor } from "./untie_head.ts";
import { totalSteps } from "../../data/total_steps.ts";

/** How a run is opened. */
export interface PrepareOptions {
  /** Aborts reading the data. */
  readonly signal?: AbortSignal;
  /** Receives messages for the user: chosen defaults, skipped rows. */
  readonly onNotice?: (message: string, level?: "info" | "warning") => void;
  /** Receives the progress of reading the data. */
  readonly onProgress?: (
    done: { task: string; rows: number; of: number },
  ) => void;
}

/** A run whose model and data are open. Dispose of it to close their files. */
export interface PreparedRun extends Disposable {
  readonly run: LoadedRun;
  readonly creating: Creating;
  readonly model: OpenedModel;
  readonly tokenizer: Tokenizer;
  readonly data: OpenedData;
}

/** Opens the model and the data of a run. `located` is where its model is. Throws our errors. */
export async function openRun(
  run: LoadedRun,
  { located, creating }: {
    readonly located: Awaited<ReturnType<typeof modelFolderOf>>;
    readonly creating: Creating;
  },
  options: PrepareOptions = {},
): Promise<PreparedRun> {
  const { config } = run;
  using opened = new DisposableStack();
  const base = opened.use(await openModel(config.model, located, creating));
  const withModel = beside(creating, {
    modelConfig: base.folder?.config ?? config.model.from_config,
  });
  const tokenizer = await openTokenizer(run, withModel);
  const withTokenizer = beside(withModel, { tokenizer });
  const model = fitTokens(base, tokenizer);
  const added = describeAdded(model, tokenizer);
  if (added !== null) options.onNotice?.(added);
  checkModelFits(config, model, tokenizer);
  const data = opened.use(
    await openData(run, {
      tokenizer,
      vocabulary: model.spec.vocabSize,
      creating: withTokenizer,
      cacheDir: cacheFolder(),
      signal: options.signal,
      onProgress: options.onProgress,
    }),
  );
  const held = opened.move();
  return {
    run,
    creating: withTokenizer,
    model,
    tokenizer,
    data,
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** The parts that a run trains with. */
export interface RunParts {
  readonly objective: KindMap["objective"];
  /** The objective's part and plugin, for messages. */
  readonly describedObjective: string;
  /** Lays out what the objective makes of answers; null: it does not ask. */
  readonly collator: KindMap["collator"] | null;
  /** What a saved model says of its objective, where it is not decoded token by token. */
  readonly mark: Json | null;
  readonly optimizer: KindMap["optimizer"];
  readonly schedule: KindMap["schedule"];
  readonly adapter: KindMap["adapter"] | null;
  /** How many processes train together. */
  readonly world: number;
  /** This process's share of the optimizer; null: all of it. */
  readonly shard: Shard | null;
  readonly evaluators: readonly OpenedEvaluator[];
  /** The rows that evaluators were asked about. */
  readonly evaluationRows: readonly EvaluationRow[];
}

/** What an opened run would train, on whatever device. */
export interface RunPlan {
  readonly parts: RunParts;
  /** The model that is trained: with a head of its own where the adapter trains it apart from its embedding. */
  readonly model: OpenedModel;
  readonly request: EngineRequest;
  readonly totalSteps: number;
  /** Numbers in the model and its adapter, and how many of them are trained. */
  readonly parameters: { readonly total: number; readonly trained: number };
}

/**
 * Checks everything that can be checked without a device: preflight, parts, the names and shapes of the
 * weights. Returns what memory is planned from. `trains`: training follows, and reports the rows of a stream
 * at its end.
 */
export async function planRun(
  { run, creating, model: base, tokenizer, data }: PreparedRun,
  options: PrepareOptions & {
    readonly trains?: boolean;
    /** The ranks that train; absent: one process. */
    readonly collective?: Collective;
    /** Called when only the plan is left to be checked, which takes this thread a while; waited for. */
    readonly beforePlan?: () => Promise<void>;
  } = {},
): Promise<RunPlan> {
  const { config } = run;
  const create = <K extends Kind>(kind: K, key: string = kind) =>
    createAt(run, kind, creating, key);
  const objective = await create("objective");
  const notices = preflight(data.train, {
    modelVocabSize: base.spec.vocabSize,
    allow_unlearned_end: config.data.allow_unlearned_end,
    firstRows: config.data.streaming,
    needsPrompts: config.training_mode === "sft" &&
      objective.needsPrompts === true,
  });
  const found = config.data.streaming && options.trains === true
    ? []
    : data.train.report.notices;
  for (const notice of [...found, ...notices]) options.onNotice?.(notice);
  const long = describeLongRows(base, data.train.report.longest);
  if (long !== null) options.onNotice?.(long, "warning");
  const evaluationRows = config.evaluators.length === 0
    ? []
    : data.evaluationRows();
  const chosen = chosenAt(run, "objective", "objective");
  const parts: RunParts = {
    objective,
    describedObjective: chosen === null ? "objective" : describePart(chosen),
    mark: chosen === null ? null : markOf(objective, chosen),
    collator: objective.ask === undefined
      ? null
      : await create("collator", "data.collator"),
    optimizer: await create("optimizer"),
    schedule: await create("schedule"),
    adapter: chosenAt(run, "adapter", "adapter") === null
      ? null
      : await create("adapter"),
    world: options.collective?.world ?? 1,
    shard: shardOf(options.collective),
    evaluators: await openEvaluators(run, creating, {
      rows: evaluationRows,
      wording: wordingOf(data.template, data.asRequest),
      decoding: decodingOf(objective),
      causal: objective.attention === "causal",
    }),
    evaluationRows,
  };
  const model = withHead(
    parts.adapter === null ? base : modelFor(parts.adapter, base),
    objective,
  );
  const request = planRequest({ config, model, tokenizer, data, ...parts });
  await options.beforePlan?.();
  const { inventory, metrics, trainables } = planEngine(request, {
    alignment: 4,
    maxBufferBytes: 2 ** 50,
  });
  const measuredMetrics = {
    measured: data.evaluation === null ? [] : [
      "eval_loss",
      ...(objective.loss === undefined
        ? ["eval_perplexity", "eval_token_accuracy"]
        : []),
      ...metrics.map((name) => `eval_${name}`),
    ],
    evaluators: parts.evaluators.map(({ name }) => name),
  };
  checkBestMetric(config.training, measuredMetrics);
  if (parts.schedule.metric !== undefined) {
    checkMetric("schedule.metric", parts.schedule.metric, measuredMetrics);
    if (config.training.eval_steps === null) {
      throw new ConfigError(
        `The schedule depends on ${parts.schedule.metric}, and training.eval_steps is null, so that nothing is evaluated before the end; set it to a number of steps or to epoch`,
      );
    }
  }
  const surplus = checkWeights(model, inventory.weights);
  if (surplus.length > 0) {
    options.onNotice?.(
      `${surplus.length} tensors of the model's files are not used: ${
        surplus.slice(0, 5).join(", ")
      }`,
      "warning",
    );
  }
  const steps = totalSteps(data.feed, config.training);
  tryFactors(parts, steps);
  const { total = 0, trained = 0 } = trainables ?? {};
  return {
    parts,
    model,
    request,
    totalSteps: steps,
    parameters: { total, trained },
  };
}

/** Asks a schedule for steps of the whole run, so that a factor that is no number is found before any is trained. */
function tryFactors(
  { schedule, optimizer }: {
    readonly schedule: KindMap["schedule"];
    readonly optimizer: KindMap["optimizer"];
  },
  totalSteps: number,
): void {
  const tried = Math.min(totalSteps, 1000);
  for (let i = 0; i < tried; i++) {
    const step = Math.round(i * (totalSteps - 1) / Math.max(1, tried - 1));
    const factor = schedule.factor(step, { totalSteps });
    if (optimizer.ownsSchedule === true && factor !== 1) {
      throw new ConfigError(
        `The optimizer has a warm-up of its own and averages its steps instead of lowering the learning rate, but the schedule gives the factor ${factor} at step ${
          step + 1
        }: set schedule: constant, and the warm-up among the optimizer's options`,
      );
    }
  }
}

function shardOf(collective: Collective | undefined): Shard | null {
  if (collective === undefined || collective.world === 1) return null;
  const { rank, world, shardsOptimizer } = collective;
  return shardsOptimizer === true ? { rank, world } : null;
}

/** The model with the objective's head, where it brings one. */
function withHead(model: OpenedModel, { head }: Objective): OpenedModel {
  if (head === undefined) return model;
  return {
    ...model,
    spec: specWithHead(model.spec, head),
    ownHead: head.name,
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}

async function createAt<K extends Kind>(
  run: LoadedRun,
  kind: K,
  creating: Creating,
  key: string,
): Promise<KindMap[K]> {
  const chosen = chosenAt(run, kind, key);
  if (chosen === null) throw new ConfigError(`\`${key}\` is not set`);
  return await createResolved(chosen, creating);
}
