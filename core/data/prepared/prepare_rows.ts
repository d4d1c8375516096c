/**
 * Some rows of one source, prepared: the same work on the main thread and in workers. What comes out
 * depends on the rows alone, not on how they are cut into ranges.
 * @module
 */
import type { Format } from "../../contracts/format.ts";
import type { Masker } from "../../contracts/masker.ts";
import type { RawRecord } from "../../contracts/source.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { buildExamples, parseRecord } from "../examples/build_examples.ts";
import { isOnSide } from "../content_hash.ts";
import { ExamplePacker, type PackedExamples } from "./packed_examples.ts";
import { DataError, isDenotuneError } from "../../contracts/errors.ts";
import {
  type RowPlace,
  Statistics,
  type StatisticsData,
} from "../statistics.ts";
import type { DataOptions, DataSource } from "../types.ts";

/** What rows of a source are made into examples with. */
export interface RowPipeline {
  /** Index of the source, and the number of all. */
  readonly source: number;
  readonly sources: number;
  readonly format: Format;
  readonly template: Template;
  readonly masker: Masker;
  readonly tokenizer: Tokenizer;
  readonly options: DataOptions;
  readonly side: NonNullable<DataSource["side"]>;
}

/** Rows `from` to before `to`, read by `at`. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
  at(index: number): RawRecord;
  /** Ends the range early, after the row that is done then; ms. */
  readonly limitMs?: number;
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
  for (; record < to; record++) {
    if (record > from && performance.now() - began > limitMs) break;
    try {
      const into = { statistics, packer, record };
      const made = prepareRecord(range.at(record), pipeline, into);
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

/** Prepares one row; gives the number of its examples. Throws what is wrong with it. */
export function prepareRecord(
  raw: RawRecord,
  pipeline: RowPipeline,
  { statistics, packer, record }: {
    readonly statistics: Statistics;
    readonly packer: ExamplePacker;
    /** Index of the row in its source. */
    readonly record: number;
  },
): number {
  const { source, format, tokenizer, options, side } = pipeline;
  const example = parseRecord(raw, format);
  if (!isOnSide(example, side, options)) return 0;
  const built = buildExamples(example, raw, pipeline);
  const place = { source, record };
  if (built.refused !== null) {
    statistics.refuse(built.refused, place);
    return 0;
  }
  const pieces = statistics.add(built, place, tokenizer);
  for (const piece of pieces) packer.push(piece);
  return pieces.length;
}
