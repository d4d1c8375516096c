/**
 * How much of the batches would be padding, with the examples padded and with them packed.
 * @module
 */
import {
  type Collator,
  type DataOptions,
  epochOrder,
  hash32,
  type NumberList,
} from "@denotune/denotune/core";

/** Batches of the first epoch. */
export interface Packing {
  /** Rows of all batches. */
  readonly rows: number;
  /** Optimizer steps. */
  readonly steps: number;
  /** Places of all batches, each as wide as its longest row. */
  readonly places: number;
  /** Share of them that is padding, in [0, 1]. */
  readonly padded_share: number;
}

/** What is laid out. */
export interface PackingRequest {
  /** Tokens of every example, in the order of the sources. */
  readonly lengths: NumberList;
  /** Examples of each source. */
  readonly counts: readonly number[];
  /** Share of each source, or null. */
  readonly shares: readonly number[] | null;
  readonly options: DataOptions;
}

/** The padding of a collator's plan; null where there are no examples. */
export function packingOf(
  collator: Collator,
  { lengths, counts, shares, options }: PackingRequest,
): Packing | null {
  if (lengths.length === 0) return null;
  const order = epochOrder({
    counts,
    shares,
    stopping: options.stopping,
    shuffle: options.shuffle,
    seed: options.seed,
    epoch: 0,
  });
  const inOrder = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) inOrder[i] = lengths.at(order[i]);
  const { offsets, members } = collator.plan(inOrder, {
    maxLength: options.max_length,
    batchSize: options.batch_size,
    padId: 0,
    seed: hash32(options.seed, options.shuffle ? 0 : -1),
  });
  const rows = offsets.length - 1;
  let places = 0;
  let tokens = 0;
  for (let from = 0; from < rows; from += options.batch_size) {
    const to = Math.min(rows, from + options.batch_size);
    let widest = 0;
    for (let row = from; row < to; row++) {
      let own = 0;
      for (let m = offsets[row]; m < offsets[row + 1]; m++) {
        own += inOrder[members[m]];
      }
      tokens += own;
      widest = Math.max(widest, own);
    }
    places += widest * (to - from);
  }
  return {
    rows,
    steps: Math.ceil(
      rows / (options.batch_size * options.gradient_accumulation_steps),
    ),
    places,
    padded_share: 1 - tokens / places,
  };
}
