/**
 * The sources of a run or of a plain data file, opened for a look: without its model, and without
 * preparing it, which refuses what a look should show.
 * @module
 */
import {
  beside,
  createHost,
  createPart,
  type Creating,
} from "../config/parts/create_part.ts";
import { chosenAt, type LoadedRun } from "../config/load.ts";
import type { RunInput } from "../config/types.ts";
import type { Collator } from "../contracts/collator.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import type { DataOptions } from "../data/types.ts";
import type { Choice } from "../contracts/plugin.ts";
import { cacheFolder } from "../io/cache_folder.ts";
import { dataOptions } from "../run/open/open_data.ts";
import { type OpenedSource, openSources } from "../run/open/open_sources.ts";
import { modelFolderOf } from "../run/open/open_model.ts";
import { openTokenizer } from "../run/open/open_tokenizer.ts";

/** Sources that are open. Dispose of them to close their files. */
export interface OpenedSubject extends Disposable {
  readonly train: readonly OpenedSource[];
  readonly held: readonly OpenedSource[];
  readonly tokenizer: Tokenizer;
  /** Name of the tokenizer's part. */
  readonly tokenizerPart: string;
  /** Its folder, where the run names one. */
  readonly tokenizerFolder: string | null;
  readonly options: Partial<DataOptions>;
  /** The two built-in ways to lay rows out. */
  readonly collators: { readonly padded: Collator; readonly packed: Collator };
}

/** How sources are opened. */
export interface OpenSubjectOptions {
  readonly signal?: AbortSignal;
  /** Told what should be said to people: which format was chosen, and why. */
  readonly onNotice?: (message: string) => void;
}

/** Opens the data of a run and its tokenizer. */
export async function openSubject(
  run: LoadedRun,
  options: OpenSubjectOptions = {},
): Promise<OpenedSubject> {
  const located = await modelFolderOf(run.config.model);
  const host = createHost({
    registry: run.registry,
    modelDir: located?.path ?? null,
    seed: run.config.seed,
    base: Deno.cwd(),
    notice: (message) => options.onNotice?.(message),
  });
  const withoutTokenizer: Creating = { registry: run.registry, host };
  const tokenizer = await openTokenizer(run, withoutTokenizer);
  const creating = beside(withoutTokenizer, { tokenizer });
  const data = await dataOptions(run, creating);
  const collators = {
    padded: await createPart("collator", "padded", creating),
    packed: await createPart("collator", "packed", creating),
  };
  const { train, held } = await openSources(run, {
    tokenizer,
    creating,
    cacheDir: cacheFolder(),
    signal: options.signal,
  }, { streaming: false });
  return {
    train,
    held,
    tokenizer,
    tokenizerPart: chosenAt(run, "tokenizer", "tokenizer")?.part.name ?? "",
    tokenizerFolder: folderOf(run.config.tokenizer),
    options: data,
    collators,
    [Symbol.dispose]: () => {
      for (const { store } of [...train, ...held]) store[Symbol.dispose]();
    },
  };
}

/** The option `path` of a choice. */
function folderOf(choice: Choice): string | null {
  return typeof choice === "object" && "path" in choice &&
      typeof choice.path === "string"
    ? choice.path
    : null;
}

/** A run without its model: data, and what else matters to them. */
export type DataOnly = Omit<RunInput, "model"> & { model?: undefined };

/** Bytes that stand for a token of English, where there is no tokenizer. */
export const BYTES_PER_TOKEN = 4;

/** A run around data. Its model is never opened; bytes stand for tokens where it names no tokenizer. */
export function dataOnlyRun({ data, ...rest }: DataOnly): RunInput {
  const inBytes = rest.tokenizer === undefined || rest.tokenizer === "byte";
  return {
    ...rest,
    model: { from_config: { model_type: "none" } },
    tokenizer: rest.tokenizer ?? "byte",
    data: inBytes ? { max_length: 1024 * BYTES_PER_TOKEN, ...data } : data,
  };
}
