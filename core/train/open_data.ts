/**
 * From the key `data` of a run to prepared sets: sources are found by their files, formats, templates and
 * maskers are chosen, and what was chosen is told.
 * @module
 */
import type { EvaluationRow } from "../contracts/evaluator.ts";
import type { Example, Message } from "../contracts/format.ts";
import type { RecordStore, Source } from "../contracts/source.ts";
import type { PromptRequest, Template } from "../contracts/template.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import {
  createPart,
  createResolved,
  type Creating,
} from "../config/create_part.ts";
import { chosenAt, type LoadedRun } from "../config/load.ts";
import type { EvalEntry, TrainEntry } from "../config/types.ts";
import { openParts } from "../data/open_parts.ts";
import { prepareDataset } from "../data/prepare.ts";
import type { PreparedDataset } from "../data/prepared_dataset.ts";
import { rowsStore } from "../data/rows_store.ts";
import { settleFormat } from "../data/settle_format.ts";
import type { DataOptions, DataSource } from "../data/types.ts";
import { ConfigError, DataError } from "../errors.ts";
import type { DownloadProgress } from "../io/hub/access.ts";
import { fetchData, locateData } from "../io/hub/locate_data.ts";
import type { Kind } from "../plugin.ts";

/** What data are opened with. */
export interface OpenDataContext {
  readonly tokenizer: Tokenizer;
  readonly creating: Creating;
  readonly cacheDir: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (
    done: { task: string; rows: number; of: number },
  ) => void;
}

/** The data of a run. */
export interface OpenedData extends Disposable {
  readonly train: PreparedDataset;
  readonly evaluation: PreparedDataset | null;
  /** Template of the first source: prompts are written with it. */
  readonly template: Template;
  readonly templateName: string;
  readonly maskerName: string;
  /** How a prompt given as text becomes a request, as the training rows are shaped. */
  asRequest(prompt: string): PromptRequest;
  /** The evaluation rows that have an answer to compare with. */
  evaluationRows(): EvaluationRow[];
}

/** A source of a run, and the names of what was chosen for it. */
export interface OpenedSource extends DataSource {
  readonly templateName: string;
  readonly maskerName: string;
}

/** The sources of a run; their stores are the caller's. */
export interface OpenedSources {
  /** What is trained on. */
  readonly train: readonly OpenedSource[];
  /** What is evaluated on: the rows held out of `data.train`, and `data.eval`. */
  readonly held: readonly OpenedSource[];
}

/** Opens all sources of a run; no row but the first of each is parsed. */
export async function openSources(
  run: LoadedRun,
  context: OpenDataContext,
): Promise<OpenedSources> {
  const { data } = run.config;
  const train: OpenedSource[] = [];
  const held: OpenedSource[] = [];
  try {
    const open = async (
      into: OpenedSource[],
      at: Parameters<typeof openSource>[1],
    ) => into.push(await openSource(run, at, context));
    const side = data.eval_fraction > 0 ? "train" : "all";
    for (const index of data.train.keys()) {
      await open(train, { list: "train", index, side });
    }
    if (data.eval_fraction > 0) {
      for (const index of data.train.keys()) {
        await open(held, { list: "train", index, side: "eval" });
      }
    }
    for (const index of data.eval.keys()) {
      await open(held, { list: "eval", index, side: "all" });
    }
    return { train, held };
  } catch (error) {
    for (const { store } of [...train, ...held]) store[Symbol.dispose]();
    throw error;
  }
}

/** Opens and prepares all data of a run. */
export async function openData(
  run: LoadedRun,
  context: OpenDataContext,
): Promise<OpenedData> {
  const { train, held } = await openSources(run, context);
  const datasets = new DisposableStack();
  try {
    const collator = await create(
      run,
      "collator",
      "data.collator",
      context.creating,
    );
    const options = await dataOptions(run, context.creating);
    const prepare = (
      sources: readonly DataSource[],
      more: Partial<DataOptions>,
      task: string,
    ) =>
      prepareDataset({
        sources,
        tokenizer: context.tokenizer,
        collator,
        options: { ...options, ...more },
        cacheDir: context.cacheDir,
        signal: context.signal,
        onProgress: (done) => context.onProgress?.({ task, ...done }),
      });
    const trainSet = datasets.use(await prepare(train, {}, "tokenizing"));
    const evaluation = held.length === 0 ? null : datasets.use(
      await prepare(held.map((s) => ({ ...s, weight: null })), {
        shuffle: false,
        gradient_accumulation_steps: 1,
        max_untrained_share: 1,
      }, "tokenizing evaluation rows"),
    );
    return describe(train, { train: trainSet, evaluation, held, datasets });
  } catch (error) {
    datasets.dispose();
    for (const { store } of [...train, ...held]) store[Symbol.dispose]();
    throw error;
  }
}

function describe(
  sources: readonly OpenedSource[],
  made: {
    train: PreparedDataset;
    evaluation: PreparedDataset | null;
    held: readonly OpenedSource[];
    datasets: DisposableStack;
  },
): OpenedData {
  const { train, evaluation, held, datasets } = made;
  const [first] = sources;
  const shape = first.format.parse(first.store.at(0));
  const unique = (names: readonly string[]) => [...new Set(names)].join(", ");
  return {
    train,
    evaluation,
    template: first.template,
    templateName: unique(sources.map((s) => s.templateName)),
    maskerName: unique(sources.map((s) => s.maskerName)),
    asRequest: (prompt) =>
      "messages" in shape
        ? { messages: [{ role: "user", content: prompt }] }
        : { prompt },
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
    max_length: data.max_length,
    truncation: data.truncation,
    boundary_token: data.boundary_token,
    include_system_prompt: data.include_system_prompt,
    train_first_token: objective.attention === "bidirectional",
    seed,
    shuffle: data.shuffle,
    batch_size: training.batch_size,
    gradient_accumulation_steps: training.gradient_accumulation_steps,
    stopping: data.stopping,
    max_untrained_share: data.max_untrained_share,
    allow_unlearned_end: data.allow_unlearned_end,
    eval_fraction: data.eval_fraction,
  };
}

async function openSource(
  run: LoadedRun,
  at: { list: "train" | "eval"; index: number; side: DataSource["side"] },
  context: OpenDataContext,
): Promise<OpenedSource> {
  const { data } = run.config;
  const entry: TrainEntry | EvalEntry = data[at.list][at.index];
  const key = `data.${at.list}.${at.index}`;
  const store = await openStore(entry, key, context);
  try {
    const chosenFormat = chosenAt(run, "format", `${key}.format`);
    const written = chosenFormat === null
      ? await createPart("format", "auto", context.creating)
      : await createResolved(chosenFormat, context.creating);
    const { format, choice } = settleFormat(written, store);
    const name = entry.path ?? `${key} (rows in memory)`;
    if (choice !== null) {
      context.creating.host.notice(
        `${name}: format ${choice.name} (${choice.reason})`,
      );
    }
    const template = await chooseTemplate(run, {
      key,
      format,
      first: format.parse(store.at(0)),
    }, context);
    const masker = await chooseMasker(run, key, context.creating);
    return {
      name,
      store,
      format,
      template: template.value,
      templateName: template.name,
      masker: masker.value,
      maskerName: masker.name,
      weight: "weight" in entry ? entry.weight : null,
      max_rows: entry.max_rows,
      side: at.side,
    };
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}

async function openStore(
  entry: EvalEntry,
  key: string,
  context: OpenDataContext,
): Promise<RecordStore> {
  if (entry.rows !== null) {
    return rowsStore(entry.rows, { name: `${key}.rows` });
  }
  if (entry.path === null) {
    throw new ConfigError(`\`${key}\` needs \`path\` or \`rows\``);
  }
  const { signal, creating, cacheDir } = context;
  const options = {
    signal,
    onProgress: ({ file, done, total }: DownloadProgress) =>
      context.onProgress?.({
        task: `downloading ${file}`,
        rows: done,
        of: total,
      }),
  };
  const located = await locateData({
    path: entry.path,
    base: Deno.cwd(),
    revision: entry.revision,
    name: entry.name,
    split: entry.split,
    dataFiles: typeof entry.data_files === "string"
      ? [entry.data_files]
      : entry.data_files,
    side: key.startsWith("data.eval") ? "eval" : "train",
  }, options);
  for (const notice of located.plan.notices) creating.host.notice(notice);
  const parts = await fetchData(located, options);
  return await openParts(parts, async (path) => {
    const source = await sourceFor(path, creating);
    return await source.open({ path, cacheDir, signal });
  });
}

/** The source part that reads a file. Throws `DataError` that lists them. */
export async function sourceFor(
  path: string,
  creating: Creating,
): Promise<Source> {
  const head = new Uint8Array(4096);
  let read = 0;
  using file = await Deno.open(path);
  read = (await file.read(head)) ?? 0;
  const names: string[] = [];
  for (const { part } of creating.registry.list("source")) {
    const source = await createPart("source", part.name, creating);
    if (source.accepts({ path, head: head.subarray(0, read) })) return source;
    names.push(part.name);
  }
  throw new DataError(
    `No source reads ${path}; known: ${names.sort().join(", ")}`,
  );
}

async function chooseTemplate(
  run: LoadedRun,
  of: {
    key: string;
    format: { template: DataSource["format"]["template"] };
    first: Example;
  },
  context: OpenDataContext,
): Promise<{ name: string; value: Template }> {
  const { tokenizer, creating } = context;
  const bind = {
    specialTokens: tokenizer.specialTokens,
    chatTemplate: tokenizer.chatTemplate,
    addsBos: tokenizer.addsBos,
  };
  const chosen = chosenAt(run, "template", `${of.key}.template`) ??
    chosenAt(run, "template", "data.template");
  if (chosen !== null) {
    return {
      name: chosen.part.name,
      value: (await createResolved(chosen, creating))(bind),
    };
  }
  const own = tokenizer.chatTemplate !== null && "messages" in of.first;
  const choice = own ? "tokenizer" : of.format.template;
  const name = typeof choice === "string" ? choice : choice.use;
  return {
    name,
    value: (await createPart("template", choice, creating))(bind),
  };
}

async function chooseMasker(run: LoadedRun, key: string, creating: Creating) {
  const chosen = chosenAt(run, "masker", `${key}.masker`) ??
    chosenAt(run, "masker", "data.masker");
  if (chosen !== null) {
    return {
      name: chosen.part.name,
      value: await createResolved(chosen, creating),
    };
  }
  const name = run.config.training_mode === "pretrain"
    ? "all"
    : "completion-only";
  return { name, value: await createPart("masker", name, creating) };
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

function evaluationRow(example: Example): EvaluationRow | null {
  if ("prompt" in example) {
    return { example, prompt: example.prompt, expected: example.completion };
  }
  if (!("messages" in example)) return null;
  const at = example.messages.findLastIndex((m) => m.role === "assistant");
  if (at <= 0) return null;
  return {
    example,
    prompt: showPrompt(example.messages[at - 1]),
    expected: example.messages[at].content,
  };
}

function showPrompt(message: Message): string {
  return message.input === undefined || message.input === ""
    ? message.content
    : `${message.content}\n\n${message.input}`;
}

/** The request that asks an evaluation row's question: all turns before the answer. */
export function requestOf(row: EvaluationRow): PromptRequest {
  const { example } = row;
  if ("prompt" in example) return { prompt: example.prompt };
  if (!("messages" in example)) return { prompt: row.prompt };
  const at = example.messages.findLastIndex((m) => m.role === "assistant");
  return {
    messages: example.messages.slice(0, at),
    ...(example.tools === undefined ? {} : { tools: example.tools }),
  };
}
