/**
 * The pass itself: rows in order, on this thread or by workers.
 * @module
 */
import { isData } from "../../config/schema/options_schema.ts";
import type { RawRecord, RecordStore } from "../../contracts/source.ts";
import type { PreparedContent } from "../cache/prepared_cache.ts";
import { SetHash } from "../cache/set_hash.ts";
import { NumberList } from "../number_list.ts";
import type { SharedPrepareRequest } from "./request.ts";
import { RowSequence } from "./build_rows.ts";
import { isBatched } from "./row_pipeline.ts";
import {
  type PreparedRows,
  prepareRows,
  type RowPipeline,
} from "./prepare_rows.ts";
import { SAMPLE_ROWS, sampleRecords } from "../examples/detect_format.ts";
import { Statistics } from "../statistics.ts";
import { TokenStore } from "./token_store.ts";
import type { DataOptions, DataSource } from "../types.ts";
import { PreparePool } from "../workers/pool.ts";
import {
  identityOf,
  type OpenCommand,
  type SourceRecipe,
} from "../workers/protocol.ts";

/** How long the pass may hold the thread: signals and the terminal wait so long. */
const TURN_MS = 40;
/** What workers take to load their modules and to make a tokenizer; starting them must save as much. */
const START_MS = 2000;
/** Rows are prepared on this thread for so long before it is judged what is left. */
const LOOK_MS = 300;
/** Workers of `auto`, at most. */
export const MAX_WORKERS = 8;

/** Prepares all rows of a request. `place` is where tokens go that do not fit in memory. */
export async function prepareContent(
  request: SharedPrepareRequest,
  options: DataOptions,
  place: { readonly cacheDir: string; readonly path?: string },
): Promise<PreparedContent> {
  const tokens = new TokenStore({
    memoryBytes: options.token_cache_mb * 2 ** 20,
    ...place,
  });
  try {
    const pass = new Pass(request, options, tokens);
    using _workers = pass;
    return await pass.run();
  } catch (error) {
    tokens[Symbol.dispose]();
    throw error;
  }
}

class Pass implements Disposable {
  readonly #request: SharedPrepareRequest;
  readonly #options: DataOptions;
  readonly #tokens: TokenStore;
  readonly #statistics: Statistics;
  readonly #records = new NumberList("uint32");
  readonly #starts = [0];
  readonly #hash = new SetHash();
  readonly #of: number;
  readonly #began = performance.now();
  #turnedAt = performance.now();
  #rows = 0;
  #pool: PreparePool | null = null;
  #made: readonly (SourceRecipe | null)[] | null = null;
  /** Null until workers can be used, or it is clear that they cannot. */
  #isOpen: boolean | null = null;
  #opening = Promise.resolve();
  /** Whether this thread is one of those that prepare: not where a process of a plugin works on its rows ahead. */
  readonly #helps: boolean;

  constructor(
    request: SharedPrepareRequest,
    options: DataOptions,
    tokens: TokenStore,
  ) {
    this.#request = request;
    this.#options = options;
    this.#tokens = tokens;
    this.#statistics = new Statistics(request.sources.length);
    this.#helps = !request.sources.some(isBatched);
    this.#of = request.sources.reduce((sum, s) => sum + rowsOf(s), 0);
  }

  async run(): Promise<PreparedContent> {
    for (const source of this.#request.sources.keys()) {
      this.#hash.source(source);
      await this.#source(source);
      this.#starts.push(this.#tokens.length);
    }
    return {
      tokens: this.#tokens,
      records: this.#records,
      starts: this.#starts,
      statistics: this.#statistics,
      contentHash: this.#hash.digest(),
    };
  }

  [Symbol.dispose](): void {
    this.#pool?.[Symbol.dispose]();
  }

  async #source(source: number): Promise<void> {
    const { sources, workers, tokenizer } = this.#request;
    const { store, format, template, masker, side = "all" } = sources[source];
    const to = rowsOf(sources[source]);
    const pipeline: RowPipeline = {
      source,
      sources: sources.length,
      format,
      template,
      masker,
      tokenizer,
      options: this.#options,
      side,
    };
    const at = (index: number) => store.at(index);
    const recipe = workers === undefined ? null : this.#recipes()[source];
    // where the run file says how many workers there are, they get half of the rows, however late they are ready
    const alone = recipe === null || !this.#isAsked
      ? to
      : this.#helps
      ? Math.floor(to / 2)
      : 0;
    let from = 0;
    let sequence = new RowSequence(pipeline, { from, to: alone, at });
    while (from < to) {
      const pool = recipe === null ? null : await this.#workers(from >= alone);
      if (pool !== null) {
        const rows = pool.rows({
          source,
          from,
          to,
          read: recipe?.parts == null ? at : null,
          local: (range) => prepareRows({ ...range, at }, pipeline),
          helps: this.#helps,
        });
        for await (const prepared of rows) {
          this.#accept(prepared, from);
          from = prepared.to;
          if (performance.now() - this.#turnedAt > TURN_MS) await this.#turn();
        }
        return;
      }
      if (from === alone) {
        sequence = new RowSequence(pipeline, { from, to, at });
      }
      const prepared = prepareRows({
        from,
        to: from < alone ? alone : to,
        at,
        limitMs: TURN_MS,
        sequence,
      }, pipeline);
      this.#accept(prepared, from);
      from = prepared.to;
      if (from < to || performance.now() - this.#turnedAt > TURN_MS) {
        await this.#turn();
      }
    }
  }

  #accept(
    { packed, records, statistics, failure, to }: PreparedRows,
    from: number,
  ): void {
    if (failure !== null) throw failure.error;
    this.#statistics.merge(statistics);
    this.#tokens.append(packed);
    for (const record of records) this.#records.push(record);
    this.#hash.words(packed.words);
    this.#rows += to - from;
  }

  /** The workers, once it is worth it to have them and they are ready; null until then. `waits`: for them. */
  async #workers(waits: boolean): Promise<PreparePool | null> {
    const { workers } = this.#request;
    if (workers === undefined || workers.count === 1) return null;
    if (this.#pool?.failure != null) throw this.#pool.failure.error;
    if (this.#isOpen !== null) return this.#isOpen ? this.#pool : null;
    if (this.#pool === null) {
      const count = workers.count === "auto"
        ? Math.min(MAX_WORKERS, navigator.hardwareConcurrency)
        : workers.count;
      const isWanted = this.#isAsked || (count > 1 && this.#isWorthIt(count));
      if (!isWanted) return null;
      // this thread prepares rows meanwhile; the next call throws a failure of the workers
      this.#pool = this.#start(this.#helps ? count - 1 : count);
      this.#opening = this.#pool.opened.then((isSame) => this.#opened(isSame));
      this.#opening.catch(() => {});
    }
    if (!waits) return null;
    await this.#opening;
    return this.#isOpen ? this.#pool : null;
  }

  /** Whether the run file says how many workers there are. */
  get #isAsked(): boolean {
    const count = this.#request.workers?.count ?? 1;
    return count !== "auto" && count > 1;
  }

  #opened(isSame: boolean): void {
    this.#isOpen = isSame;
    if (isSame) return;
    this.#request.onNotice?.(
      "Rows are prepared without workers: they cannot make the run's tokenizer as it is",
    );
  }

  #isWorthIt(count: number): boolean {
    const taken = performance.now() - this.#began;
    if (taken < LOOK_MS || this.#rows === 0) return false;
    const left = taken / this.#rows * (this.#of - this.#rows);
    return left - left / count > START_MS;
  }

  /** How workers open the sources; null for those whose format is detected from rows that cannot be sent. */
  #recipes(): readonly (SourceRecipe | null)[] {
    const { sources, workers } = this.#request;
    return this.#made ??= sources.map(({ store }, k) => {
      const recipe = workers?.recipe.sources[k] ?? null;
      if (recipe?.parts !== null || recipe.detected === null) return recipe;
      return sampleOf(store).every((r) => isData(r.value)) ? recipe : null;
    });
  }

  #start(count: number): PreparePool {
    const { sources, tokenizer, workers, cacheDir, signal } = this.#request;
    if (workers === undefined) throw new RangeError("There are no workers");
    const recipes = this.#recipes();
    const command: OpenCommand = {
      type: "open",
      recipe: { ...workers.recipe, sources: recipes },
      sources: sources.map(({ name, side = "all", store }, k) => {
        const recipe = recipes[k];
        const isSent = recipe !== null && recipe.parts === null;
        return {
          name,
          side,
          length: store.length,
          fingerprint: isSent ? null : store.fingerprint,
          sample: isSent && recipe.detected !== null ? sampleOf(store) : null,
        };
      }),
      tokenizer: identityOf(tokenizer),
      options: this.#options,
      cacheDir,
    };
    return new PreparePool(count, command, signal);
  }

  /** Yields to other work of the thread; reports progress, and checks the abort signal. */
  #turn(): Promise<void> {
    const { signal, onProgress } = this.#request;
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        this.#turnedAt = performance.now();
        if (signal?.aborted === true) return reject(signal.reason);
        onProgress?.({ rows: this.#rows, of: this.#of });
        resolve();
      });
    });
  }
}

/** The rows that a format is detected from. */
function sampleOf(store: RecordStore): RawRecord[] {
  return sampleRecords(store, SAMPLE_ROWS);
}

function rowsOf({ store, max_rows }: DataSource): number {
  return Math.min(store.length, max_rows ?? Infinity);
}
