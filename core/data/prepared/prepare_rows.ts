/**
 * Some rows of one source, prepared: the same work on the main thread and in workers. What comes out
 * depends on the rows alone, not on how they are cut into ranges.
 * @module
 */
import type { RawRecord } from "../../contracts/source.ts";
import type { Built } from "../examples/build_examples.ts";
import { RowSequence } from "./build_rows.ts";
import type { RowPipeline } from "./row_pipeline.ts";
import { ExamplePacker, type PackedExamples } from "./packed_examples.ts";
import { DataError, isDenotuneError } from "../../contracts/errors.ts";
import {
  type RowPlace,
  Statistics,
  type StatisticsData,
} from "../statistics.ts";
import type { DataOptions } from "../types.ts";

export type { RowPipeline };

/** Rows `from` to before `to`, read by `at`. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
  at(index: number): RawRecord;
  /** Ends the range early, after the row that is done then; ms. */
  readonly limitMs?: number;
  /** What builds the rows from `from` on, where ranges follow one another. */
  readonly sequence?: RowSequence;
}

/** Prepared rows. */
export interface PreparedRows {
  /** One after the last row that was prepared. */
  readonly to: number;
  /** Their examples. */
  readonly packed: PackedExamples;
  /** Record of each example. */
  readonly records: Uint32Array<ArrayBuffer>;
  /** Counts of these rows. */
  readonly statistics: StatisticsData;
  /** What is wrong with row `to`; null where nothing is. */
  readonly failure: { readonly error: unknown } | null;
}

/** Prepares rows up to the first that is wrong. */
export function prepareRows(
  range: RowRange,
  pipeline: RowPipeline,
): PreparedRows {
  const { from, to, limitMs = Infinity } = range;
  const statistics = new Statistics(pipeline.sources);
  const packer = new ExamplePacker();
  const records: number[] = [];
  const began = performance.now();
  let failure: PreparedRows["failure"] = null;
  let record = from;
  const sequence = range.sequence ?? new RowSequence(pipeline, range);
  if (sequence.next !== from) throw new RangeError("Rows come in order");
  for (; record < to; record++) {
    const isLate = record > from && sequence.isBetween &&
      performance.now() - began > limitMs;
    if (isLate) break;
    try {
      const built = sequence.build();
      const made = keepBuilt(built, pipeline, { statistics, packer, record });
      for (let i = 0; i < made; i++) records.push(record);
    } catch (error) {
      const place = { source: pipeline.source, record };
      if (skipsBad(error, pipeline.options, { statistics, place })) continue;
      failure = { error };
      break;
    }
  }
  return {
    to: record,
    packed: packer.take(),
    records: Uint32Array.from(records),
    statistics,
    failure,
  };
}

/** Whether a row that is wrong is left out; it is counted then. */
export function skipsBad(
  error: unknown,
  { on_bad_row }: DataOptions,
  { statistics, place }: {
    readonly statistics: Statistics;
    readonly place: RowPlace;
  },
): boolean {
  const isBad = isDenotuneError(error) && error.name === "DataError";
  if (on_bad_row !== "skip" || !isBad) return false;
  statistics.skipBad(error.message, place);
  return true;
}

/** Throws `DataError` where more rows were skipped than may be. */
export function checkBadRows(
  { badRows, firstBad }: Pick<Statistics, "badRows" | "firstBad">,
  { max_bad_rows }: DataOptions,
): void {
  if (max_bad_rows === null || badRows <= max_bad_rows) return;
  throw new DataError(
    `${badRows} rows cannot be read, more than data.max_bad_rows ${max_bad_rows} allows; the first: ${firstBad}`,
  );
}

/** Packs and counts what a row was built into; gives the number of its examples. */
export function keepBuilt(
  built: Built | null,
  { source, tokenizer }: RowPipeline,
  { statistics, packer, record }: {
    readonly statistics: Statistics;
    readonly packer: ExamplePacker;
    /** Index of the row in its source. */
    readonly record: number;
  },
): number {
  if (built === null) return 0;
  const place = { source, record };
  if (built.refused !== null) {
    statistics.refuse(built.refused, place);
    return 0;
  }
  const pieces = statistics.add(built, place, tokenizer);
  for (const piece of pieces) packer.push(piece);
  return pieces.length;
}
