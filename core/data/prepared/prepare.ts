/**
 * One pass over all rows: parse, render, encode, mask, truncate; keep ids, weights and counts. All that
 * is wrong with the data comes out here, before a device wakes. Workers and the cache change the time it
 * takes, and nothing else.
 * @module
 */
import type { PrepareRequest, SharedPrepareRequest } from "./request.ts";
import { checkBadRows } from "./prepare_rows.ts";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import { buildExamples, parseRecord } from "../examples/build_examples.ts";
import { cacheKey } from "../cache/cache_key.ts";
import type { PreparedContent } from "../cache/prepared_cache.ts";
import { sharesOf } from "./epoch_order.ts";
import { prepareContent } from "./prepare_content.ts";
import { PreparedDataset, sampleOf } from "./prepared_dataset.ts";
import type { Statistics } from "../statistics.ts";
import { DATA_DEFAULTS, type DataOptions, type DataSource } from "../types.ts";

/** Sets with fewer rows are prepared sooner than they are looked up. */
const CACHED_ROWS = 256;
/** Unless their rows are long. */
const CACHED_TOKENS = 65536;

/** Prepares a set. The stores stay the caller's, and must stay open as long as the set is used. */
export async function prepareDataset(
  request: PrepareRequest,
): Promise<PreparedDataset> {
  return await prepareShared(request);
}

/** {@linkcode prepareDataset} with workers and the cache. */
export async function prepareShared(
  request: SharedPrepareRequest,
): Promise<PreparedDataset> {
  const { sources, tokenizer, collator } = request;
  const options: DataOptions = { ...DATA_DEFAULTS, ...request.options };
  if (sources.length === 0) {
    throw new ConfigError("There is no data: data.train names no source");
  }
  sharesOf(sources); // wrong weights are reported before the work
  request.signal?.throwIfAborted();
  const content = await contentOf(request, options);
  try {
    checkWeighted(sources, content.statistics);
    checkTrained(request, options, content.statistics);
    return new PreparedDataset({
      ...content,
      sources,
      tokenizer,
      collator,
      options,
      shares: sharesOf(sources, content.statistics.sources, options.weight_by),
    });
  } catch (error) {
    content.tokens[Symbol.dispose]();
    throw error;
  }
}

/** The set from the cache, or made and kept. */
async function contentOf(
  request: SharedPrepareRequest,
  options: DataOptions,
): Promise<PreparedContent> {
  const { cache, sources, tokenizer, signal, cacheDir } = request;
  const notice = request.onNotice ?? (() => {});
  const rows = sources.reduce((sum, source) => sum + source.store.length, 0);
  const inMemory = cache?.identity.recipe.sources.every((s) =>
    s?.parts === null
  );
  const key = cache === undefined || (inMemory && rows < CACHED_ROWS)
    ? null
    : await cacheKey(cache.identity, { sources, tokenizer, options });
  if (cache === undefined || key === null) {
    return await prepareContent(request, options, { cacheDir });
  }
  const { store } = cache;
  const found = await store.find(key, signal);
  if (
    found.content !== null && options.on_bad_row === "error" &&
    found.content.statistics.badRows > 0
  ) {
    // kept by a run that skipped them: read again, to say what is wrong
    found.content.tokens[Symbol.dispose]();
    return await prepareContent(request, options, { cacheDir });
  }
  if (found.content !== null) {
    const { statistics } = found.content;
    statistics.firstRefusal = refusalOf(request, options, statistics);
    notice(
      `${statistics.rows} prepared rows are taken from the cache (${
        store.pathOf(key)
      }); data.cache=false prepares them anew`,
    );
    return found.content;
  }
  if (found.damage !== null) {
    notice(
      `The prepared rows in ${
        store.pathOf(key)
      } are damaged (${found.damage}): they are made again`,
    );
  }
  const temporary = store.begin(key);
  let content: PreparedContent | null = null;
  try {
    content = await prepareContent(request, options, {
      cacheDir: temporary.folder,
      path: temporary.tokens,
    });
    if (rows >= CACHED_ROWS || content.tokens.words >= CACHED_TOKENS) {
      store.keep(key, temporary, content);
    }
  } catch (error) {
    if (content === null) throw error;
    notice(
      `The prepared rows are not kept for the next run: ${
        error instanceof Error ? error.message : error
      }`,
    );
  } finally {
    store.drop(temporary);
  }
  return content;
}

/** The first refusal in the words of today's files: they may have moved since the set was kept. */
function refusalOf(
  { sources, tokenizer }: PrepareRequest,
  options: DataOptions,
  { firstRefused, firstRefusal }: Statistics,
): string | null {
  if (firstRefused === null) return firstRefusal;
  const { store, format, template, masker } = sources[firstRefused.source];
  const raw = store.at(firstRefused.record);
  const built = buildExamples(parseRecord(raw, format), raw, {
    tokenizer,
    template,
    masker,
    options,
  });
  return built.refused ?? firstRefusal;
}

function checkWeighted(
  sources: readonly DataSource[],
  statistics: Statistics,
): void {
  for (const [k, { name, weight }] of sources.entries()) {
    if (weight == null || statistics.sources[k].examples > 0) continue;
    throw new DataError(
      `The data source "${name}" has a weight, but no row that can be trained on; remove it`,
    );
  }
}

/** Refuses a set with too many rows that train nothing. */
function checkTrained(
  request: SharedPrepareRequest,
  options: DataOptions,
  s: Statistics,
): void {
  checkBadRows(s, options);
  const skipped = s.untrainedRows + s.refusedRows;
  const examples = s.sources.reduce((sum, source) => sum + source.examples, 0);
  if (s.rows === 0) {
    throw new DataError(
      options.eval_holdout !== null && options.eval_fraction === 0
        ? `No row is left, or none is held out, with eval_holdout ${
          JSON.stringify(options.eval_holdout)
        }: look at the column \`category\` of the rows`
        : options.eval_fraction > 0
        ? `No row fell on this side of eval_fraction ${options.eval_fraction}; give more rows, or change it`
        : "There are no rows to train on; is max_rows 0?",
    );
  }
  if (examples > 0 && skipped / s.rows <= options.max_untrained_share) return;
  if (skipped === 0) {
    throw new DataError(
      `All ${
        request.firstRows ? "first " : ""
      }${s.rows} rows are longer than max_length ${options.max_length} and were dropped; raise it, or change truncation`,
    );
  }
  const why = s.refusedRows > s.untrainedRows
    ? `${s.refusedRows} because their character spans could not be verified (the first: ${s.firstRefusal})`
    : s.untrainedByTruncation > s.untrainedRows / 2
    ? `most because max_length ${options.max_length} leaves only the prompt; raise it, or try truncation: trim-prompt`
    : "because the masker or the weights of turns leave nothing to train";
  throw new DataError(
    `${skipped} of ${
      request.firstRows ? "the first " : ""
    }${s.rows} rows have no trained token, more than max_untrained_share ${options.max_untrained_share} allows: ${why}.${
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
  const { store, format, template, masker } = sources[source];
  const raw = store.at(record);
  const built = buildExamples(parseRecord(raw, format), raw, {
    tokenizer,
    template,
    masker,
    options,
  });
  if (built.refused !== null) return "";
  return ` Trained text would stand in «marks»; ${
    sampleOf(built.pieces, { where: raw.where, tokenizer })
  }`;
}
