/**
 * One pass over all rows: parse, render, encode, mask, truncate; keep ids, weights and counts. All that
 * is wrong with the data comes out here, before a device wakes.
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import type { Collator } from "../contracts/collator.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import { ConfigError, DataError } from "../errors.ts";
import { buildExamples, parseRecord } from "./build_examples.ts";
import { contentFraction } from "./content_hash.ts";
import { sharesOf } from "./epoch_order.ts";
import { NumberList } from "./number_list.ts";
import { PreparedDataset, sampleOf } from "./prepared_dataset.ts";
import { Statistics } from "./statistics.ts";
import { TokenStore } from "./token_store.ts";
import { DATA_DEFAULTS, type DataOptions, type DataSource } from "./types.ts";

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
  /** Told now and then how many rows are done. */
  readonly onProgress?: (done: { rows: number; of: number }) => void;
}

/** How long the pass may hold the thread: signals and the terminal wait so long. */
const TURN_MS = 40;

/** Prepares a set. The stores stay the caller's, and must stay open as long as the set is used. */
export async function prepareDataset(
  request: PrepareRequest,
): Promise<PreparedDataset> {
  const { sources, tokenizer, collator, cacheDir } = request;
  const options: DataOptions = { ...DATA_DEFAULTS, ...request.options };
  if (sources.length === 0) {
    throw new ConfigError("There is no data: data.train names no source");
  }
  const shares = sharesOf(sources);
  request.signal?.throwIfAborted();
  const statistics = new Statistics(sources.length);
  const tokens = new TokenStore({
    memoryBytes: options.token_cache_mb * 2 ** 20,
    cacheDir,
  });
  try {
    const records = new NumberList("uint32");
    const starts = [0];
    const hash = createHash("sha256");
    const turns = turnTaker(request);
    for (let source = 0; source < sources.length; source++) {
      await prepareSource({
        source,
        request,
        options,
        statistics,
        tokens,
        records,
        hash,
        turns,
      });
      starts.push(tokens.length);
    }
    checkTrained(request, options, statistics);
    const parts = {
      sources,
      tokenizer,
      collator,
      options,
      shares,
      tokens,
      records,
      starts,
      statistics,
    };
    return new PreparedDataset({ ...parts, contentHash: hash.digest("hex") });
  } catch (error) {
    tokens[Symbol.dispose]();
    throw error;
  }
}

interface SourcePass {
  readonly source: number;
  readonly request: PrepareRequest;
  readonly options: DataOptions;
  readonly statistics: Statistics;
  readonly tokens: TokenStore;
  readonly records: NumberList;
  readonly hash: Hash;
  readonly turns: () => Promise<void> | undefined;
}

async function prepareSource(pass: SourcePass): Promise<void> {
  const { source, request, options, statistics, tokens, records, hash } = pass;
  const { tokenizer } = request;
  const { store, format, template, masker, name, side = "all" } =
    request.sources[source];
  const pipeline = { tokenizer, template, masker, options };
  const before = tokens.length;
  for (let record = 0; record < rowsOf(request.sources[source]); record++) {
    await pass.turns();
    const raw = store.at(record);
    const example = parseRecord(raw, format);
    if (side !== "all" && options.eval_fraction > 0) {
      const held =
        contentFraction(example, options.seed) < options.eval_fraction;
      if (held !== (side === "eval")) continue;
    }
    const built = buildExamples(example, raw, pipeline);
    const place = { source, record };
    if (built.refused !== null) {
      statistics.refuse(built.refused, place);
      continue;
    }
    for (const { ids, weights } of statistics.add(built, place, tokenizer)) {
      tokens.push(ids, weights);
      records.push(record);
      hash.update(bytesOf(Int32Array.of(source, ids.length))).update(
        bytesOf(ids),
      ).update(bytesOf(weights));
    }
  }
  if (tokens.length === before && request.sources[source].weight != null) {
    throw new DataError(
      `The data source "${name}" has a weight, but no row that can be trained on; remove it`,
    );
  }
}

function rowsOf({ store, max_rows }: DataSource): number {
  return Math.min(store.length, max_rows ?? Infinity);
}

function bytesOf(array: Int32Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Lets other work of the thread have its turn, now and then; tells progress, and looks at the signal. */
function turnTaker(
  { sources, signal, onProgress }: PrepareRequest,
): () => Promise<void> | undefined {
  const of = sources.reduce((sum, source) => sum + rowsOf(source), 0);
  let rows = 0;
  let since = performance.now();
  return () => {
    const done = rows++;
    if (done % 16 !== 0 || performance.now() - since < TURN_MS) {
      return undefined;
    }
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        since = performance.now();
        if (signal?.aborted === true) return reject(signal.reason);
        onProgress?.({ rows: done, of });
        resolve();
      });
    });
  };
}

/** Refuses a set with too many rows that train nothing. */
function checkTrained(
  request: PrepareRequest,
  options: DataOptions,
  s: Statistics,
): void {
  const skipped = s.untrainedRows + s.refusedRows;
  const examples = s.sources.reduce((sum, source) => sum + source.examples, 0);
  if (s.rows === 0) {
    throw new DataError(
      options.eval_fraction > 0
        ? `No row fell on this side of eval_fraction ${options.eval_fraction}; give more rows, or change it`
        : "There are no rows to train on; is max_rows 0?",
    );
  }
  if (examples > 0 && skipped / s.rows <= options.max_untrained_share) return;
  if (skipped === 0) {
    throw new DataError(
      `All ${s.rows} rows are longer than max_length ${options.max_length} and were dropped; raise it, or change truncation`,
    );
  }
  const why = s.refusedRows > s.untrainedRows
    ? `${s.refusedRows} because their character spans could not be verified (the first: ${s.firstRefusal})`
    : s.untrainedByTruncation > s.untrainedRows / 2
    ? `most because max_length ${options.max_length} leaves only the prompt; raise it, or try truncation: trim-prompt`
    : "because the masker or the weights of turns leave nothing to train";
  throw new DataError(
    `${skipped} of ${s.rows} rows have no trained token, more than max_untrained_share ${options.max_untrained_share} allows: ${why}.${
      sampleText(request, options, s)
    }`,
  );
}

function sampleText(
  { sources, tokenizer }: PrepareRequest,
  options: DataOptions,
  s: Statistics,
): string {
  if (s.firstUntrained === null) return "";
  const { source, record } = s.firstUntrained;
  const { store, format, template, masker, name } = sources[source];
  const raw = store.at(record);
  const built = buildExamples(parseRecord(raw, format), raw, {
    tokenizer,
    template,
    masker,
    options,
  });
  if (built.refused !== null) return "";
  return ` Trained text would stand in «marks»; ${
    sampleOf(built.pieces, { name, record, tokenizer })
  }`;
}
