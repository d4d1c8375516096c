/**
 * The analysis: every row once, then what can only be known of all of them.
 *
 * Memory grows by about 0.3 KB a row (hashes and a sketch, never texts): rows that are shown or compared are
 * read again from their source.
 * @module
 */
import type { AnalyzeRequest } from "./analysis.ts";
import {
  type Collator,
  DATA_DEFAULTS,
  DataError,
  type DataOptions,
  type DataSource,
  sharesOf,
} from "@denotune/denotune/core";
import { EvalCounts, TrainCounts } from "./count/counts.ts";
import { findNear } from "./count/near_duplicates.ts";
import { type Packing, packingOf } from "./packing.ts";
import { buildRow, readRows, rowsOf } from "./read_rows.ts";
import { reportOf } from "./report.ts";
import type { Analysis } from "./analysis.ts";
import { RowTexts } from "./row_texts.ts";
import {
  QUALITY_DEFAULTS,
  type QualityReport,
  type QualitySettings,
} from "./types.ts";

/** How long the analysis may hold the thread. */
const TURN_MS = 40;

/** Analyses rows. Throws `DataError` where there are none; rows that cannot be read are counted. */
export async function analyze(request: AnalyzeRequest): Promise<QualityReport> {
  const { train: sources, held, tokenizer, collators, base = null } = request;
  const given: DataOptions = { ...DATA_DEFAULTS, ...request.options };
  const settings: QualitySettings = {
    ...QUALITY_DEFAULTS,
    ...request.settings,
  };
  // rows at which training would stop are counted like those that it would drop
  const options: DataOptions = given.truncation === "error"
    ? { ...given, truncation: "drop" }
    : given;
  const shares = sharesOf(sources);
  const pause = turnTaker(request);
  const train = new TrainCounts({
    sources: sources.length,
    settings,
    tokenizer,
    withPrompts: held.length > 0,
  });
  const pipelines = sources.map(({ template, masker }) => ({
    tokenizer,
    template,
    masker,
    options,
  }));
  const all = total(sources) + total(held);
  let read = 0;
  for (const row of readRows(sources, options)) {
    await pause("reading rows", read++, all);
    if (row.problem !== null) {
      train.addUnread(row);
      continue;
    }
    const made = buildRow(row, pipelines[row.source]);
    if (made.problem !== null) train.addUnread({ ...row, ...made });
    else train.add(row, made.built);
  }
  const evaluation = new EvalCounts();
  for (const row of readRows(held, options)) {
    await pause("reading rows", read++, all);
    if (row.problem === null) evaluation.add(row, train);
  }
  if (train.rows.length + train.unreadCount === 0) {
    throw new DataError("There are no rows to look at; is max_rows 0?");
  }
  const trainTexts = new RowTexts(sources, {
    rows: train.rows,
    tokenizer,
    base,
  });
  const heldTexts = new RowTexts(held, {
    rows: evaluation.rows,
    tokenizer,
    base,
  });
  const near = await findNear({
    sketches: train.sketches,
    others: evaluation.sketches,
    skip: (row) => train.firstOf.at(row) !== row,
    textOf: (row) => trainTexts.body(row),
    otherTextOf: (row) => heldTexts.body(row),
    similarity: settings.similarity,
    pause: (done, of) => pause("comparing rows", done, of),
  });
  const pack = (collator: Collator): Packing | null =>
    packingOf(collator, {
      lengths: train.lengths,
      counts: train.statistics.sources.map((s) => s.examples),
      shares,
      options,
    });
  const analysis: Analysis = {
    request,
    options: given,
    settings,
    train,
    evaluation,
    near,
    trainTexts,
    heldTexts,
    packing: {
      padded: pack(collators.padded),
      packed: pack(collators.packed),
    },
  };
  return reportOf(analysis);
}

function total(sources: readonly DataSource[]): number {
  return sources.reduce((sum, source) => sum + rowsOf(source), 0);
}

/** Yields to other work of the thread now and then; reports progress, and checks the signal. */
function turnTaker({ signal, onProgress }: AnalyzeRequest) {
  let calls = 0;
  let since = performance.now();
  signal?.throwIfAborted();
  return (
    task: string,
    done: number,
    of: number,
  ): Promise<void> | undefined => {
    if (calls++ % 16 !== 0 || performance.now() - since < TURN_MS) {
      return undefined;
    }
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        since = performance.now();
        if (signal?.aborted === true) return reject(signal.reason);
        onProgress?.({ task, done, of });
        resolve();
      });
    });
  };
}
