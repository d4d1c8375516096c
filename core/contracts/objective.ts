/**
 * An objective turns a batch into what the model is run on: inputs, targets, weights, and the divisor.
 * On the host, without any arithmetic on the device.
 * @module
 */
import type { Batch } from "./collator.ts";

/** One micro-batch as the device gets it. N = B * T; R = supervised rows. */
export interface Inputs {
  /** Rows. */
  readonly B: number;
  /** Tokens of a row. */
  readonly T: number;
  /** Token ids (B, T). */
  readonly tokens: Int32Array; // (B, T)
  /** Positions (B, T). */
  readonly positions: Int32Array; // (B, T)
  /** Segments (B, T). */
  readonly segments: Int32Array; // (B, T)
  /** Index into N of each row that carries a label, ascending. */
  readonly rows: Int32Array; // (R)
  /** The id to be predicted at each supervised row (R). */
  readonly targets: Int32Array; // (R)
  /** Its weight (R). */
  readonly weights: Float32Array; // (R)
  /** Its data source (R). */
  readonly sources: Int32Array; // (R)
  /**
   * What this micro-batch adds to the divisor of the optimizer step. For causal language modelling the
   * sum of the weights; for masked diffusion it is not.
   */
  readonly divisor: number;
  /** Keys of random numbers, one a token (see `core/random.ts`). */
  readonly rowKeys: Int32Array; // (B, T)
}

/** Where in a run a batch is: keys everything random in it. */
export interface StepKey {
  /** The run's seed. */
  readonly seed: number;
  /** Optimizer step, counted from 0. */
  readonly step: number;
  /** Rows of earlier micro-batches of the same optimizer step. */
  readonly firstRow: number;
  /** Whether the batch is trained on. */
  readonly training: boolean;
}

/** What is learned. */
export interface Objective {
  /** Whether tokens see later ones. */
  readonly attention: "causal" | "bidirectional";
  /** Lays out one micro-batch. */
  inputs(batch: Batch, key: StepKey): Inputs;
}
