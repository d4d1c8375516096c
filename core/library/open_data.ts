/**
 * The data of a run, opened for a look at its rows: without its model, and without preparing it, which refuses
 * what a look should show.
 * @module
 */
import {
  beside,
  type Creating,
  creatingWith,
} from "../config/parts/create_part.ts";
import type { LoadedRun } from "../config/load.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import type { DataOptions, DataSource } from "../data/types.ts";
import { cacheFolder } from "../io/cache_folder.ts";
import { dataOptions } from "../run/open/open_data.ts";
import { modelFolderOf } from "../run/open/open_model.ts";
import { openSources } from "../run/open/open_sources.ts";
import { openTokenizer } from "../run/open/open_tokenizer.ts";

/** A source, and the names of what was chosen for it. */
export interface LookedSource extends DataSource {
  /** Name of its template part. */
  readonly templateName: string;
  /** Name of its masker part. */
  readonly maskerName: string;
}

/** Data that are open. Dispose of them to close their files. */
export interface OpenedRows extends Disposable {
  /** What is trained on. */
  readonly train: readonly LookedSource[];
  /** What is evaluated on. */
  readonly held: readonly LookedSource[];
  /** The run's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The options of the data pipeline that the run sets. */
  readonly options: Partial<DataOptions>;
  /** What parts are made with. */
  readonly creating: Creating;
}

/** How data are opened. */
export interface OpenRowsOptions {
  /** Aborts it. */
  readonly signal?: AbortSignal;
  /** Receives messages for the user: which format was chosen, and why. */
  readonly onNotice?: (message: string) => void;
}

/** Opens the data of a run and its tokenizer. */
export async function openRows(
  run: LoadedRun,
  { signal, onNotice }: OpenRowsOptions = {},
): Promise<OpenedRows> {
  const located = await modelFolderOf(run.config.model);
  const withoutTokenizer = creatingWith(run.registry, {
    modelDir: located?.path ?? null,
    seed: run.config.seed,
    notice: (message) => onNotice?.(message),
  });
  const tokenizer = await openTokenizer(run, withoutTokenizer);
  const creating = beside(withoutTokenizer, { tokenizer });
  const options = await dataOptions(run, creating);
  const { train, held } = await openSources(run, {
    tokenizer,
    creating,
    cacheDir: cacheFolder(),
    signal,
  }, { streaming: false });
  return {
    train,
    held,
    tokenizer,
    options,
    creating,
    [Symbol.dispose]: () => {
      for (const { store } of [...train, ...held]) store[Symbol.dispose]();
    },
  };
}
