/**
 * The sources of a run: found by their files, with the format, template and masker of each, and how all of
 * this is made again in workers.
 * @module
 */
import { firstSequence } from "../../data/examples/group_example.ts";
import type { ParsedExample } from "../../contracts/format.ts";
import type { RecordStore } from "../../contracts/source.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { Creating } from "../../config/parts/create_part.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import {
  isKeptInput,
  STANDARD_INPUT_NAME,
} from "../../config/standard_input.ts";
import type { EvalEntry, TrainEntry } from "../../config/types.ts";
import { openParts, type PartOfSplit } from "../../data/open_parts.ts";
import { holdsOut } from "../../data/content_hash.ts";
import { rowsStore } from "../../data/rows_store.ts";
import { detectFormat } from "../../data/examples/detect_format.ts";
import { firstRows } from "../../data/stream/first_rows.ts";
import { streamOfParts, streamOfRows } from "../../data/stream/source_rows.ts";
import type { StreamSource } from "../../data/stream/types.ts";
import { fileSources, type SourceWishes } from "../../data/source_for.ts";
import type { DataSource } from "../../data/types.ts";
import type { SourceRecipe } from "../../data/workers/protocol.ts";
import {
  makeByName,
  makeRecorded,
  type PartRecipe,
} from "../../data/workers/recipe.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type { DownloadProgress } from "../../io/hub/access.ts";
import { fetchData, locateData } from "../../io/hub/locate_data.ts";

/** What data are opened with. */
export interface OpenDataContext {
  readonly tokenizer: Tokenizer;
  /** Ids that the model has; absent: not known. */
  readonly vocabulary?: number;
  readonly creating: Creating;
  readonly cacheDir: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (
    done: { task: string; rows: number; of: number },
  ) => void;
}

/** A source of a run, and the names of what was chosen for it. */
export interface OpenedSource extends DataSource {
  /** Its rows as a stream, under `data.streaming`: `store` then has the first of them; null: `store` has all. */
  readonly stream: StreamSource | null;
  readonly templateName: string;
  readonly maskerName: string;
  /** How a worker opens it; null where only this thread can. */
  readonly recipe: SourceRecipe | null;
  /** Absolute paths that its parts asked for. */
  readonly files: readonly string[];
}

/** The sources of a run; their stores are the caller's. */
export interface OpenedSources {
  /** What is trained on. */
  readonly train: readonly OpenedSource[];
  /** What is evaluated on: the rows held out of `data.train`, and `data.eval`. */
  readonly held: readonly OpenedSource[];
}

/**
 * Opens all sources of a run; no row but the first of each is parsed. `streaming`: what is trained on is not
 * indexed, and the first rows are read to look at. `heldOnly`: what is trained on is not opened.
 */
export async function openSources(
  run: LoadedRun,
  context: OpenDataContext,
  { streaming, heldOnly = false }: {
    readonly streaming: boolean;
    readonly heldOnly?: boolean;
  },
): Promise<OpenedSources> {
  const { data } = run.config;
  const train: OpenedSource[] = [];
  const held: OpenedSource[] = [];
  try {
    const open = async (
      into: OpenedSource[],
      at: Parameters<typeof openSource>[1],
    ) => into.push(await openSource(run, at, context));
    const side = holdsOut(data) ? "train" : "all";
    for (const index of heldOnly ? [] : data.train.keys()) {
      await open(train, { list: "train", index, side, streaming });
    }
    if (holdsOut(data)) {
      for (const index of data.train.keys()) {
        await open(held, {
          list: "train",
          index,
          side: "eval",
          streaming: false,
        });
      }
    }
    for (const index of data.eval.keys()) {
      await open(held, { list: "eval", index, side: "all", streaming: false });
    }
    return { train: distinct(train), held };
  } catch (error) {
    for (const { store } of [...train, ...held]) store[Symbol.dispose]();
    throw error;
  }
}

/** Sources of one path get names of their own, so that their losses are reported apart. */
function distinct(sources: readonly OpenedSource[]): OpenedSource[] {
  return sources.map((source, k) => {
    const isTwice = sources.some((other, j) =>
      j !== k && other.name === source.name
    );
    return isTwice
      ? { ...source, name: `${source.name} (data.train.${k})` }
      : source;
  });
}

async function openSource(
  run: LoadedRun,
  at: {
    list: "train" | "eval";
    index: number;
    side: DataSource["side"];
    streaming: boolean;
  },
  context: OpenDataContext,
): Promise<OpenedSource> {
  const { data } = run.config;
  const entry: TrainEntry | EvalEntry = data[at.list][at.index];
  const key = `data.${at.list}.${at.index}`;
  const chosenFormat = chosenAt(run, "format", `${key}.format`);
  const written = chosenFormat === null
    ? await makeByName("format", "auto", context.creating)
    : await makeRecorded(chosenFormat, context.creating);
  const chosenSource = chosenAt(run, "source", `${key}.source`);
  const source = chosenSource === null
    ? null
    : await makeRecorded(chosenSource, context.creating);
  const name = nameOf(entry, key);
  const { store, parts, stream } = await openRows(entry, {
    key,
    name,
    chosen: source?.value ?? null,
    format: written.value,
    streaming: at.streaming,
    onBadRow: data.on_bad_row,
  }, context);
  try {
    const { format, choice } = detectFormat(written.value, store);
    if (choice !== null) {
      context.creating.host.notice(
        `${name}: format ${choice.name} (${choice.reason})`,
      );
    }
    const template = await chooseTemplate(run, {
      key,
      format,
      first: firstExample(store, format),
    }, context);
    const masker = await chooseMasker(run, key, context.creating);
    return {
      name,
      store,
      stream,
      format,
      template: template.value,
      templateName: template.name,
      masker: masker.value,
      maskerName: masker.name,
      recipe: recipeOf({
        format: written.recipe,
        detected: choice?.name ?? null,
        template: template.recipe,
        masker: masker.recipe,
        source: source === null ? "auto" : source.recipe,
        parts,
      }),
      files: [
        ...written.files,
        ...source?.files ?? [],
        ...template.files,
        ...masker.files,
      ],
      weight: "weight" in entry ? entry.weight : null,
      epochs: "epochs" in entry ? entry.epochs : null,
      max_rows: entry.max_rows,
      side: at.side,
    };
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}

/** How many rows are tried to find a readable one; reading the data reports the unreadable ones. */
const TRIES = 100;

function firstExample(
  store: RecordStore,
  format: DataSource["format"],
): ParsedExample {
  let first: unknown;
  for (let i = 0; i < Math.min(store.length, TRIES); i++) {
    try {
      return format.parse(store.at(i));
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** How notices and metrics call a source. */
function nameOf({ path }: EvalEntry, key: string): string {
  if (path === null) return `${key} (rows in memory)`;
  return isKeptInput(path) ? STANDARD_INPUT_NAME : path;
}

/** Null where a part of it cannot be made again. */
function recipeOf(
  { format, template, masker, source, detected, parts }: {
    readonly source: PartRecipe | "auto" | null;
    readonly format: PartRecipe | null;
    readonly template: PartRecipe | null;
    readonly masker: PartRecipe | null;
    readonly detected: string | null;
    readonly parts: readonly PartOfSplit[] | null;
  },
): SourceRecipe | null {
  if (
    source === null || format === null || template === null || masker === null
  ) return null;
  return { format, detected, template, masker, source, parts };
}

/** The rows of a source, and its files; null for rows in memory. */
interface OpenedRows extends Pick<OpenedSource, "store" | "stream"> {
  readonly parts: readonly PartOfSplit[] | null;
}

async function openRows(
  entry: EvalEntry,
  wishes: SourceWishes & {
    readonly name: string;
    readonly streaming: boolean;
    /** What happens to rows that cannot be read. */
    readonly onBadRow: "error" | "skip";
  },
  context: OpenDataContext,
): Promise<OpenedRows> {
  const { key, name, streaming } = wishes;
  const { signal, creating, cacheDir } = context;
  if (entry.rows !== null) {
    if ((wishes.format.sources ?? []).length > 0) {
      throw new ConfigError(
        `\`${key}\` has rows in memory, but an option of its \`format\` says how files are read; leave it out`,
      );
    }
    const store = rowsStore(entry.rows, { name: `${key}.rows` });
    if (!streaming) return { store, parts: null, stream: null };
    const stream = streamOfRows(name, store);
    return {
      store: await firstRows(stream, {
        maxRows: entry.max_rows,
        onBadRow: wishes.onBadRow,
        signal,
      }),
      parts: null,
      stream,
    };
  }
  if (entry.path === null) {
    throw new ConfigError(`\`${key}\` needs \`path\` or \`rows\``);
  }
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
  const sourceOf = fileSources(wishes, creating);
  if (streaming) {
    const stream = await streamOfParts({
      name,
      key,
      parts,
      sourceOf,
      cacheDir,
      onNotice: (message) => creating.host.notice(message),
    });
    return {
      store: await firstRows(stream, {
        maxRows: entry.max_rows,
        onBadRow: wishes.onBadRow,
        signal,
      }),
      parts,
      stream,
    };
  }
  const store = await openParts(parts, async (path) => {
    const source = await sourceOf(path);
    return await source.open({ path, cacheDir, signal });
  });
  return { store, parts, stream: null };
}

async function chooseTemplate(
  run: LoadedRun,
  of: {
    key: string;
    format: { template: DataSource["format"]["template"] };
    first: ParsedExample;
  },
  context: OpenDataContext,
): Promise<
  {
    name: string;
    value: Template;
    recipe: PartRecipe | null;
    files: readonly string[];
  }
> {
  const { tokenizer, creating } = context;
  const chosen = chosenAt(run, "template", `${of.key}.template`) ??
    chosenAt(run, "template", "data.template");
  if (chosen !== null) {
    const made = await makeRecorded(chosen, creating);
    return { ...made, name: chosen.part.name };
  }
  const own = tokenizer.chatTemplate !== null &&
    "messages" in firstSequence(of.first);
  const choice = own ? "tokenizer" : of.format.template;
  const name = typeof choice === "string" ? choice : choice.use;
  const made = await makeByName("template", choice, creating);
  return { ...made, name };
}

async function chooseMasker(run: LoadedRun, key: string, creating: Creating) {
  const chosen = chosenAt(run, "masker", `${key}.masker`) ??
    chosenAt(run, "masker", "data.masker");
  if (chosen !== null) {
    const made = await makeRecorded(chosen, creating);
    return { ...made, name: chosen.part.name };
  }
  const name = run.config.training_mode === "pretrain"
    ? "all"
    : "completion-only";
  return { ...await makeByName("masker", name, creating), name };
}
