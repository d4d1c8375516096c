/**
 * What a run asks of its training data: step after step, from a set that is prepared or from a stream.
 * @module
 */
import type { Batch } from "../contracts/collator.ts";
import type { StreamPosition } from "./stream/types.ts";

/** The micro-batches of one optimizer step. */
export interface TrainingStep {
  /** The last of an epoch may have fewer. */
  readonly batches: readonly Batch[];
  /** Whether it is the last step of its epoch. */
  readonly endsEpoch: boolean;
}

/** The batches of a run: a function of seed, epoch and step. */
export interface TrainingData {
  /** Names of the sources, in the order of `Batch.sources`. */
  readonly sourceNames: readonly string[];
  /** Tokens of the widest row that a batch may have. */
  readonly widest: number;
  /** Hash of what batches depend on, as far as it is known before the first step. For checkpoints. */
  readonly fingerprint: string;
  /** Optimizer steps of an epoch; null: not known before its end. */
  stepsInEpoch(epoch: number): number | null;
  /** A step, counted from 0 within its epoch. Streams give each once, in order. Throws `DataError`. */
  step(epoch: number, index: number): Promise<TrainingStep>;
  /** The position of a stream after its last step; null for a set that finds any step. */
  position(): StreamPosition | null;
  /** What is worth saying when the run is over. */
  closingNotices(): readonly string[];
}
