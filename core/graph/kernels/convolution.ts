/**
 * A short causal convolution of each column over the last tokens of its segment (arXiv:2305.14952 and others).
 *
 * ```text
 * taps 3, segments 1 1 1 2 2:     out[3] = w[2] x[3]                     (the segment starts there)
 *                                 out[2] = w[2] x[2] + w[1] x[1] + w[0] x[0]
 * ```
 *
 * @module
 */
import { type Dim, product } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** What the two share. Rows of x are (b, t) pairs, b-major. */
export interface ConvolutionShape {
  /** Rows of the batch. */
  readonly B: Dim;
  /** Tokens of a row. */
  readonly T: Dim;
  /** Columns, each with weights of its own. */
  readonly columns: number;
  /** Tokens that are seen, the own one included: at least 2. */
  readonly taps: number;
}

/** Attributes of `convolution`. */
export interface ConvolutionAttributes extends ConvolutionShape {
  /** Whether later tokens are seen instead of earlier ones: the gradient of the other. */
  readonly reverse: boolean;
}

/** Attributes of `convolution_cached`. */
export interface CachedConvolutionAttributes extends ConvolutionShape {
  /** Rows of the state. */
  readonly slots: number;
}

function checkTaps(taps: number): void {
  if (!Number.isSafeInteger(taps) || taps < 2) {
    throw new RangeError(`taps is ${taps}: must be a whole number, at least 2`);
  }
}

/**
 * `x (B*T, columns), weight (columns, taps), segments i32 (B, T) -> out (B*T, columns)`: out[t, c] = sum over j of
 * weight[c, taps - 1 - j] x[t - j, c] (x[t + j, c] with `reverse`), for 0 <= j < taps and tokens of the row that
 * have t's segment. The tokens of a segment are neighbours.
 */
export const convolution: KernelDefinition<
  "convolution",
  ConvolutionAttributes
> = {
  name: "convolution",
  operands({ B, T, columns, taps }) {
    checkTaps(taps);
    const rows = product([B, T]);
    return {
      inputs: [
        { name: "x", shape: [rows, columns] },
        { name: "weight", shape: [columns, taps] },
        { name: "segments", shape: [B, T], dtypes: INDEX },
      ],
      outputs: [{ name: "out", shape: [rows, columns] }],
    };
  },
  operations: ({ B, T, columns, taps }, size) =>
    2 * size(B) * size(T) * columns * taps,
};

/**
 * `x (B*T, columns), weight (columns, taps), tail (slots, taps - 1, columns), lengths i32 (B), counts i32 (B), index
 * i32 (B) -> out (B*T, columns), tail`: the tokens before x's first are those of the tail, the newest last; they are
 * all zero for a row of which lengths[b] is 0. Afterwards the tail has the last tokens of those and the first
 * counts[b] of x; outputs behind these are 0. Slots are distinct.
 */
export const convolutionCached: KernelDefinition<
  "convolution_cached",
  CachedConvolutionAttributes
> = {
  name: "convolution_cached",
  operands({ B, T, slots, columns, taps }) {
    checkTaps(taps);
    const rows = product([B, T]);
    const tail = [slots, taps - 1, columns];
    return {
      inputs: [
        { name: "x", shape: [rows, columns] },
        { name: "weight", shape: [columns, taps] },
        { name: "tail", shape: tail },
        { name: "lengths", shape: [B], dtypes: INDEX },
        { name: "counts", shape: [B], dtypes: INDEX },
        { name: "index", shape: [B], dtypes: INDEX },
      ],
      outputs: [
        { name: "out", shape: [rows, columns] },
        { name: "tail", shape: tail, mustShare: "tail" },
      ],
    };
  },
  operations: ({ B, T, columns, taps }, size) =>
    2 * size(B) * (size(T) + 1) * columns * taps,
};
