/**
 * What streamed rows are on their way to a batch, and the position of a stream.
 *
 * ```text
 * sources ──mixed──► buffer ──drawn──► ranges ──workers──► examples ──blocks──► rows of batches
 *  read in order    rows as    in an    some rows,          in order   planned by
 *                   stored     order    ahead of training              the collator
 * ```
 * @module
 */
import type { RawRecord } from "../../contracts/source.ts";
import type { PackedExamples } from "../prepared/packed_examples.ts";
import type { StatisticsData } from "../statistics.ts";

/** A row as its file gave it. */
export interface StreamedRow {
  /** Not parsed yet, where its source has a `parse`. */
  readonly record: RawRecord;
  /** The file that contains it, whose source finishes it; null where it is finished. */
  readonly path: string | null;
}

/** The rows of one source: read in order, from the first, as often as they are wanted. */
export interface StreamSource {
  /** How errors name it. */
  readonly name: string;
  /** One pass. */
  pass(signal?: AbortSignal): AsyncIterable<readonly StreamedRow[]>;
  /** Finishes a row that a pass has given. Throws `DataError` with file:line. */
  parse(row: StreamedRow): RawRecord;
  /** Its files and their bytes, or how many rows in memory: a change is noticed by them before it is read. */
  readonly extent: readonly (readonly [string, number])[];
}

/** A row in the order of its epoch. */
export interface DrawnRow extends StreamedRow {
  /** Index of its source. */
  readonly source: number;
}

/** Rows made into examples. */
export interface PreparedDraw {
  /** Their examples, in order. */
  readonly packed: PackedExamples;
  /** Row that each was made of, as an index into those that were given. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Counts of the rows. */
  readonly statistics: StatisticsData;
  /** What is wrong with the row after them; null where nothing is. */
  readonly failure: { readonly error: unknown } | null;
}

/** How far a source has been read when an epoch begins. */
export interface CursorPlace {
  /** Rows of its pass that were taken. */
  readonly row: number;
  /** Rows of a whole pass; null before its end was seen. */
  readonly length: number | null;
}

/** The beginning of a block of examples within an epoch. */
export interface BlockPlace {
  /** Rows drawn before those that it is made of. */
  readonly drawn: number;
  /** Examples of these rows that belong to the block before. */
  readonly skip: number;
  /** Counts of all rows drawn before. */
  readonly counts: StatisticsData;
  /** Index of the block within the epoch. */
  readonly block: number;
  /** Rows of batches before it, within the epoch. */
  readonly firstRow: number;
}

/** The rows of an epoch that batches depend on: what comes after them may change before a run is resumed. */
export interface UsedRows {
  /** How many of the rows drawn. */
  readonly rows: number;
  /** Hash of their content, in the order of the draw. */
  readonly hash: string;
  /** Hash of the tokens of the first of them: a tokenizer or template that has changed shows there. */
  readonly tokens: TokenSample;
}

/** Tokens of the first rows of an epoch. */
export interface TokenSample {
  /** How many rows. */
  readonly rows: number;
  readonly hash: string;
}

/**
 * The position of a stream between two steps: what is read again, and what of it was used. The buffer and the
 * random numbers are functions of (seed, epoch, drawn), so they need not be kept.
 */
export interface StreamPosition extends BlockPlace {
  /** Counted from 0. */
  readonly epoch: number;
  /** Where reading began in this epoch. */
  readonly sources: readonly CursorPlace[];
  /** What must be the same when the run is resumed. */
  readonly used: UsedRows;
  /** Bytes of each source's files; the number of rows in memory. */
  readonly sizes: readonly (readonly number[])[];
  /** Fingerprint of the first rows of each source, which were looked at before the first step. */
  readonly first: string;
  /** Rows of the block's plan that batches have taken. */
  readonly rows: number;
}
