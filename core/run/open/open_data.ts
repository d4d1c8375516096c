/**
 * From the key `data` of a run to prepared sets.
 * @module
 */
import { firstSequence } from "../../data/examples/group_example.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { join } from "node:path";
import type { EvaluationRow } from "../../contracts/evaluator.ts";
import type { PromptRequest, Template } from "../../contracts/template.ts";
import {
  createResolved,
  type Creating,
} from "../../config/parts/create_part.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { PreparedCache } from "../../data/cache/prepared_cache.ts";
import { prepareShared } from "../../data/prepared/prepare.ts";
import type { SharedPrepareRequest } from "../../data/prepared/request.ts";
import type { PreparedDataset } from "../../data/prepared/prepared_dataset.ts";
import { openStream } from "../../data/stream/open_stream.ts";
import type { StreamedDataset } from "../../data/stream/streamed_dataset.ts";
import type { TrainingData } from "../../data/training_data.ts";
import { dataValues } from "../../config/schema/data_options.ts";
import type { DataOptions } from "../../data/types.ts";
import { hostRecipe, recipeOf } from "../../data/workers/recipe.ts";
import { ConfigError, isDenotuneError } from "../../contracts/errors.ts";
import type { Kind } from "../../contracts/plugin.ts";
import type { CheckpointState } from "../saving/checkpoint_state.ts";
import {
  type OpenDataContext,
  type OpenedSource,
  openSources,
} from "./open_sources.ts";
import { evaluationRow, requestLike } from "../evaluation/rows.ts";
import { describeBos } from "./describe_bos.ts";
import { describeMarkers } from "./open_tokenizer.ts";
import { otherData, refuseOtherData } from "../run_folder.ts";

/** The data of a run. */
export interface OpenedData extends Disposable {
  /** All training rows; under `data.streaming` the first of each source, to look at. */
  readonly train: PreparedDataset;
  /** What steps are made of. */
  readonly feed: TrainingData;
  /** The feed, where it is a stream. */
  readonly stream: StreamedDataset | null;
  readonly evaluation: PreparedDataset | null;
  /** Template of the first source: prompts are written with it. */
  readonly template: Template;
  readonly templateName: string;
  readonly maskerName: string;
  /** Where BOS of the first row comes from, in words; null for tokens that were made elsewhere. */
  readonly bos: string | null;
  /** How a prompt given as text becomes a request, as the training rows are shaped. */
  asRequest(prompt: string): PromptRequest;
  /** The evaluation rows that have an answer to compare with. */
  evaluationRows(): EvaluationRow[];
}

/** Opens and prepares all data of a run. */
export async function openData(
  run: LoadedRun,
  context: OpenDataContext,
): Promise<OpenedData> {
  const { data, training } = run.config;
  const { streaming } = data;
  const { train, held } = await openSources(run, context, { streaming });
  const datasets = new DisposableStack();
  try {
    for (const notice of markersAsText([...train, ...held], context)) {
      context.creating.host.notice(notice);
    }
    const collator = await create(
      run,
      "collator",
      "data.collator",
      context.creating,
    );
    const options = await dataOptions(run, context.creating);
    const prepare = (
      sources: readonly OpenedSource[],
      more: Partial<DataOptions>,
      task: string,
    ) =>
      prepareShared({
        sources,
        tokenizer: context.tokenizer,
        collator,
        options: { ...options, ...more },
        ...(sources === train && streaming
          ? { firstRows: true }
          : helpersOf(run, sources, context)),
        cacheDir: context.cacheDir,
        signal: context.signal,
        onProgress: (done) => context.onProgress?.({ task, ...done }),
        onNotice: (message) => context.creating.host.notice(message),
      });
    const trainSet = datasets.use(await prepare(train, {}, "tokenizing"));
    const evaluation = held.length === 0 ? null : datasets.use(
      await prepare(held.map((s) => ({ ...s, weight: null, epochs: null })), {
        shuffle: false,
        gradient_accumulation_steps: 1,
        max_untrained_share: 1,
      }, "tokenizing evaluation rows"),
    );
    const stream = streaming
      ? datasets.use(openStream(train, {
        set: trainSet,
        collator,
        options,
        buffer: data.shuffle_buffer,
        workers: helpersOf(run, train, context).workers ?? null,
        context,
      }))
      : null;
    if (stream !== null) {
      context.creating.host.notice(
        `data.streaming: the first ${trainSet.report.rows} rows are looked at; training ends after ${training.max_steps} steps, or sooner with training.epochs ${training.epochs}`,
      );
    }
    return describe(train, {
      tokenizer: context.tokenizer,
      train: trainSet,
      stream,
      evaluation,
      held,
      datasets,
    });
  } catch (error) {
    datasets.dispose();
    for (const { store } of [...train, ...held]) store[Symbol.dispose]();
    throw error;
  }
}

/**
 * Resumes with the data of a checkpoint. A stream is read again up to its saved position. Throws `ConfigError`
 * for other data.
 */
export async function resumeData(
  { feed, stream }: OpenedData,
  { outputDir, checkpoint, onProgress, onNotice }: {
    readonly outputDir: string;
    readonly checkpoint: CheckpointState;
    readonly onNotice: (message: string) => void;
    readonly onProgress: (rows: number, of: number) => void;
  },
): Promise<void> {
  refuseOtherData(outputDir, checkpoint.data, feed.fingerprint);
  if (stream === null || checkpoint.stream == null) return;
  const { refused, notice } = await stream.resume(
    checkpoint.stream,
    onProgress,
  );
  if (refused !== undefined) throw otherData(outputDir, refused);
  if (notice !== undefined) onNotice(notice);
}

/** Workers and cache, as far as the run wants them and its parts let themselves be made again. */
function helpersOf(
  run: LoadedRun,
  sources: readonly OpenedSource[],
  context: OpenDataContext,
): Pick<SharedPrepareRequest, "workers" | "cache"> {
  const { creating, cacheDir } = context;
  const { data } = run.config;
  const chosen = chosenAt(run, "tokenizer", "tokenizer");
  const tokenizer = chosen === null
    ? null
    : recipeOf(chosen, creating.registry);
  if (tokenizer === null) return {};
  const recipe = {
    host: hostRecipe(creating),
    tokenizer,
    addedTokens: [...context.tokenizer.addedTokens?.keys() ?? []],
    sources: sources.map((source) => source.recipe),
  };
  const workers = { count: data.workers, recipe };
  if (!data.cache) return { workers };
  const cache = {
    store: new PreparedCache(join(cacheDir, "prepared"), {
      maxBytes: data.cache_max_gb * 1e9,
    }),
    identity: {
      registry: creating.registry,
      recipe,
      files: sources.flatMap((source) => source.files),
    },
  };
  return { workers, cache };
}

/** What to say of markers that the vocabulary lacks, judged by the first row of each source. */
function markersAsText(
  sources: readonly OpenedSource[],
  { tokenizer }: OpenDataContext,
): ReadonlySet<string> {
  const said = new Set<string>();
  for (const { template, templateName: name, format, store } of sources) {
    if ((template.markers ?? []).length === 0) continue;
    try {
      const example = firstSequence(format.parse(store.at(0)));
      if ("ids" in example) continue;
      const { text } = template.render(example);
      const notice = describeMarkers(tokenizer, { name, template, text });
      if (notice !== null) said.add(notice);
    } catch (error) {
      if (!isDenotuneError(error)) throw error; // such rows are counted as they are prepared
    }
  }
  return said;
}

function describe(
  sources: readonly OpenedSource[],
  made: {
    tokenizer: Tokenizer;
    train: PreparedDataset;
    stream: StreamedDataset | null;
    evaluation: PreparedDataset | null;
    held: readonly OpenedSource[];
    datasets: DisposableStack;
  },
): OpenedData {
  const { tokenizer, train, stream, evaluation, held, datasets } = made;
  const [first] = sources;
  const shape = firstSequence(first.format.parse(first.store.at(0)));
  const unique = (names: readonly string[]) => [...new Set(names)].join(", ");
  return {
    train,
    feed: stream ?? train,
    stream,
    evaluation,
    template: first.template,
    templateName: unique(sources.map((s) => s.templateName)),
    maskerName: unique(sources.map((s) => s.maskerName)),
    bos: describeBos(shape, { tokenizer, template: first.template }),
    asRequest: (prompt) => requestLike(shape, prompt),
    evaluationRows: () =>
      evaluation === null ? [] : evaluationRows(evaluation, held),
    [Symbol.dispose]: () => datasets.dispose(),
  };
}

async function create<K extends Kind>(
  run: LoadedRun,
  kind: K,
  key: string,
  creating: Creating,
) {
  const chosen = chosenAt(run, kind, key);
  if (chosen === null) throw new ConfigError(`\`${key}\` is not set`);
  return await createResolved(chosen, creating);
}

/** How the run makes examples and steps of its training rows. */
export async function dataOptions(
  run: LoadedRun,
  creating: Creating,
): Promise<Partial<DataOptions>> {
  const { data, training, seed } = run.config;
  const objective = await create(run, "objective", "objective", creating);
  return {
    ...dataValues(data),
    train_first_token: objective.attention === "bidirectional",
    fill_answer_to: objective.fillAnswerTo ?? null,
    seed,
    batch_size: training.batch_size,
    gradient_accumulation_steps: training.gradient_accumulation_steps,
  };
}

/** Rows whose last turn is an answer: prompt and expected answer. */
function evaluationRows(
  set: PreparedDataset,
  sources: readonly OpenedSource[],
): EvaluationRow[] {
  const rows: EvaluationRow[] = [];
  let before = "";
  for (let i = 0; i < set.length; i++) {
    const { source, record } = set.example(i);
    const place = `${source}/${record}`;
    if (place === before) continue; // pieces of one record
    before = place;
    const example = sources[source].format.parse(
      sources[source].store.at(record),
    );
    const row = evaluationRow(example);
    if (row !== null) rows.push(row);
  }
  return rows;
}
