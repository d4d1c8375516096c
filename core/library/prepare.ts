/**
 * A run as far as it goes without a device: model, tokenizer, data, preflight, and the request that memory
 * is planned from. What `check` and `inspect` stand on; nothing is written.
 * @module
 */
import {
  createHost,
  createResolved,
  type Creating,
} from "../config/create_part.ts";
import { chosenAt, type LoadedRun } from "../config/load.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import { preflight } from "../data/preflight.ts";
import { ConfigError } from "../errors.ts";
import { cacheFolder } from "../io/cache_folder.ts";
import type { Kind, KindMap } from "../plugin.ts";
import { checkModelFits } from "../train/checks.ts";
import { type EngineRequest, planEngine } from "../train/engine.ts";
import { describeAdded, fitTokens } from "../train/grow_vocabulary.ts";
import { openData, type OpenedData } from "../train/open_data.ts";
import {
  checkWeights,
  modelFolderOf,
  type OpenedModel,
  openModel,
} from "../train/open_model.ts";
import { openTokenizer } from "../train/open_tokenizer.ts";
import { planRequest } from "../train/plan_request.ts";
import { totalSteps } from "../train/trainer.ts";

/** How a run is prepared. */
export interface PrepareOptions {
  /** Aborts reading the data. */
  readonly signal?: AbortSignal;
  /** Told what should be said to people: chosen defaults, skipped rows. */
  readonly onNotice?: (message: string) => void;
  /** Told how far reading the data is. */
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

/** Opens the model and the data of a run. Throws what `train` would throw about them. */
export async function prepareRun(
  run: LoadedRun,
  options: PrepareOptions = {},
): Promise<PreparedRun> {
  const { config } = run;
  const located = await modelFolderOf(config.model);
  const host = createHost({
    registry: run.registry,
    modelDir: located?.path ?? null,
    seed: config.seed,
    base: Deno.cwd(),
    notice: (message) => options.onNotice?.(message),
  });
  const creating: Creating = { registry: run.registry, host };
  using opened = new DisposableStack();
  const base = opened.use(await openModel(config.model, located, creating));
  const tokenizer = await openTokenizer(run, creating);
  const model = fitTokens(base, tokenizer);
  const added = describeAdded(model, tokenizer);
  if (added !== null) options.onNotice?.(added);
  checkModelFits(config, model, tokenizer);
  const data = opened.use(
    await openData(run, {
      tokenizer,
      vocabulary: model.spec.vocabSize,
      creating,
      cacheDir: cacheFolder(),
      signal: options.signal,
      onProgress: options.onProgress,
    }),
  );
  const held = opened.move();
  return {
    run,
    creating,
    model,
    tokenizer,
    data,
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** What a prepared run would train, on whatever device. */
export interface RunPlan {
  readonly request: EngineRequest;
  readonly totalSteps: number;
}

/**
 * Checks everything that can be checked without a device: preflight, parts, the names and shapes of the
 * weights. Gives what memory is planned from.
 */
export async function planRun(
  prepared: PreparedRun,
  options: PrepareOptions = {},
): Promise<RunPlan> {
  const { run, creating, model, data } = prepared;
  const { config } = run;
  const notices = preflight(data.train, {
    modelVocabSize: model.spec.vocabSize,
    allow_unlearned_end: config.data.allow_unlearned_end,
    firstRows: config.data.streaming,
  });
  for (const notice of [...data.train.report.notices, ...notices]) {
    options.onNotice?.(notice);
  }
  await createAt(run, "schedule", creating);
  const evaluators: unknown[] = [];
  for (const i of config.evaluators.keys()) {
    evaluators.push(
      await createAt(run, "evaluator", creating, `evaluators.${i}`),
    );
  }
  const request = planRequest({
    config,
    model,
    data,
    objective: await createAt(run, "objective", creating),
    optimizer: await createAt(run, "optimizer", creating),
    adapter: chosenAt(run, "adapter", "adapter") === null
      ? null
      : await createAt(run, "adapter", creating),
    evaluators,
  });
  const { inventory } = planEngine(request, {
    alignment: 4,
    maxBufferBytes: 2 ** 50,
  });
  const surplus = checkWeights(model, inventory.weights);
  if (surplus.length > 0) {
    options.onNotice?.(
      `${surplus.length} tensors of the model's files are not used: ${
        surplus.slice(0, 5).join(", ")
      }`,
    );
  }
  return { request, totalSteps: totalSteps(data.feed, config.training) };
}

async function createAt<K extends Kind>(
  run: LoadedRun,
  kind: K,
  creating: Creating,
  key: string = kind,
): Promise<KindMap[K]> {
  const chosen = chosenAt(run, kind, key);
  if (chosen === null) throw new ConfigError(`\`${key}\` is not set`);
  return await createResolved(chosen, creating);
}
