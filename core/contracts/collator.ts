/**
 * A collator lays weighted examples out as a rectangle. It knows lengths; it does not know what
 * tokens mean.
 * @module
 */

/** An example ready for a batch. */
export interface WeightedExample {
  /** Token ids (T). */
  readonly ids: Int32Array; // (T)
  /** Weight of each token as a target (T). */
  readonly weights: Float32Array; // (T), weight of each token as a target
  /**
   * Tokens of each of its sequences, where it has several that belong together (a pair, a group): they add up to
   * T, each becomes a segment of its own, and all of them come into one batch. Absent: one sequence.
   */
  readonly lengths?: readonly number[];
  /** Index of the data source it came from. */
  readonly source: number;
  /** Global index of the row in its epoch's order. */
  readonly row: number;
}

/**
 * A rectangle of tokens. `segments`: 0 for padding, else 1, 2, ... within the row; a token attends
 * only to its own segment. Padding attends to itself.
 */
export interface Batch {
  /** Rows. */
  readonly B: number;
  /** Tokens of a row, padding included. */
  readonly T: number;
  /** Token ids (B, T). */
  readonly tokens: Int32Array; // (B, T)
  /** Weight of tokens[b, t] as a target (B, T). */
  readonly weights: Float32Array; // (B, T), weight of tokens[b, t] as a target
  /** Positions (B, T); they restart at 0 in each segment. */
  readonly positions: Int32Array; // (B, T), restart at 0 in each segment
  /** Segments (B, T); 0 is padding. */
  readonly segments: Int32Array; // (B, T)
  /** Source of each token's example (B, T). */
  readonly sources: Int32Array; // (B, T), source of each token's example
  /**
   * Which segments belong together (B, T): segments of one number are one example, a pair or a group. 0 is
   * padding; numbers are unique within the batch. Absent: each segment is an example of its own.
   */
  readonly groups?: Int32Array; // (B, T)
  /** Tokens that are not padding. */
  readonly realTokens: number;
  /** Examples in the batch. */
  readonly examples: number;
  /** Global index (row in the epoch's order) of the first row: keys the random numbers. */
  readonly firstRow: number;
}

/**
 * A plan of one epoch: which examples make up which row, as indices into `lengths`. Row r holds
 * `members[offsets[r]] ... members[offsets[r + 1] - 1]`, in order. Two typed arrays, so that a plan of
 * millions of rows stays small.
 */
export interface RowPlan {
  /** Where each row starts in `members` (rows + 1). */
  readonly offsets: Uint32Array; // (rows + 1)
  /** Examples of all rows, one row behind the other (examples). */
  readonly members: Uint32Array; // (examples)
}

/** Lays out examples. */
export interface Collator {
  /**
   * Groups the examples of an epoch, given their lengths in the epoch's (already shuffled) order.
   * Padded: one example a row. Packed: several. Must be a pure function of its arguments.
   */
  plan(lengths: Int32Array, limits: CollatorLimits): RowPlan;
  /**
   * Under `data.streaming` the examples of an epoch are planned block by block: how many should be seen
   * together. A batch may have rows of two blocks. Absent: 1024.
   */
  window?(limits: CollatorLimits): number;
  /** Builds the batch of some rows. `padId` fills; it is never read by the loss. */
  collate(
    rows: readonly (readonly WeightedExample[])[],
    limits: CollatorLimits,
  ): Batch;
}

/** What bounds a batch. */
export interface CollatorLimits {
  /** Tokens of the longest row. */
  readonly maxLength: number;
  /** Rows of a batch. */
  readonly batchSize: number;
  /** The id that fills. */
  readonly padId: number;
  /** Key of everything random in the plan (length groups). */
  readonly seed: number;
}
