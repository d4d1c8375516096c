/**
 * What a data set is prepared of.
 * @module
 */
import type { PrepareRecipe } from "../workers/protocol.ts";
import type { Collator } from "../../contracts/collator.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { CacheIdentity } from "../cache/cache_key.ts";
import type { PreparedCache } from "../cache/prepared_cache.ts";
import type { DataOptions, DataSource } from "../types.ts";

/** What is prepared. */
export interface PrepareRequest {
  /** Where rows come from. */
  readonly sources: readonly DataSource[];
  /** One for all sources. */
  readonly tokenizer: Tokenizer;
  /** Lays out the batches. */
  readonly collator: Collator;
  /** What differs from {@linkcode DATA_DEFAULTS}. */
  readonly options?: Partial<DataOptions>;
  /** Folder for tokens that do not fit in memory. */
  readonly cacheDir: string;
  /** Stops the pass between rows. */
  readonly signal?: AbortSignal;
  /** Receives from time to time the number of rows that are done. */
  readonly onProgress?: (done: { rows: number; of: number }) => void;
  /** Whether these are only the first rows of a stream: errors say so. */
  readonly firstRows?: boolean;
  /** Receives messages for the user: a set found in the cache, one that could not be kept. */
  readonly onNotice?: (message: string) => void;
}

/** What a run adds: workers and the cache of prepared sets. */
export interface SharedPrepareRequest extends PrepareRequest {
  /** Absent: all rows are prepared on this thread. */
  readonly workers?: PrepareWorkers;
  /** Where the set is looked up, and kept; absent: nowhere. */
  readonly cache?: {
    readonly store: PreparedCache;
    readonly identity: CacheIdentity;
  };
}

/** Workers that share the rows. */
export interface PrepareWorkers {
  /** Threads, the main thread among them. `auto`: one a core, at most 8, where they save more time than workers take to start. */
  readonly count: "auto" | number;
  /** How they make the parts for themselves. */
  readonly recipe: PrepareRecipe;
}
