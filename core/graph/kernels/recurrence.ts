/**
 * A linear recurrence with a matrix as its state, for each head: gated linear attention (arXiv:2312.06635), and
 * what Mamba 2 (arXiv:2405.21060) and RetNet (arXiv:2307.08621) compute.
 *
 * ```text
 * S_t = exp(decay_t) S_{t-1} + k_t v_t^T      (keyDim, valueDim), zero before a segment's first token
 * out_t = S_t^T q_t                           (valueDim)
 * ```
 *
 * @module
 */
import { type Dim, product } from "../dims.ts";
import { INDEX, type KernelDefinition, type Operand } from "./_definition.ts";

/** What the two share. Rows are (b, t) pairs, b-major. */
export interface RecurrenceShape {
  /** Rows of the batch. */
  readonly B: Dim;
  /** Tokens of a row. */
  readonly T: Dim;
  /** Heads, each with a state of its own. */
  readonly heads: number;
  /** Width of a head's queries and keys. */
  readonly keyDim: number;
  /** Width of a head's values. */
  readonly valueDim: number;
}

/** Attributes of `recurrence`. */
export interface RecurrenceAttributes extends RecurrenceShape {
  /** Whether the state runs from the last token to the first. */
  readonly reverse: boolean;
}

/** Attributes of `recurrence_cached`. */
export interface CachedRecurrenceAttributes extends RecurrenceShape {
  /** Rows of the state. */
  readonly slots: number;
}

function operandsOf(
  { B, T, heads, keyDim, valueDim }: RecurrenceShape,
): { inputs: readonly Operand[]; out: Operand } {
  const rows = product([B, T]);
  return {
    inputs: [
      { name: "q", shape: [rows, heads * keyDim] },
      { name: "k", shape: [rows, heads * keyDim] },
      { name: "v", shape: [rows, heads * valueDim] },
      { name: "decay", shape: [rows, heads] },
    ],
    out: { name: "out", shape: [rows, heads * valueDim] },
  };
}

/**
 * `q (B*T, heads*keyDim), k, v (B*T, heads*valueDim), decay (B*T, heads), segments i32 (B, T) -> out (B*T,
 * heads*valueDim)`. The decay of a segment's first token is not used. With `reverse`: S_t = exp(decay_{t+1}) S_{t+1} +
 * k_t v_t^T, zero behind a segment's last token. The tokens of a segment are neighbours.
 */
export const recurrence: KernelDefinition<"recurrence", RecurrenceAttributes> =
  {
    name: "recurrence",
    operands(attributes) {
      const { inputs, out } = operandsOf(attributes);
      const { B, T } = attributes;
      return {
        inputs: [
          ...inputs,
          { name: "segments", shape: [B, T], dtypes: INDEX },
        ],
        outputs: [out],
      };
    },
    operations: ({ B, T, heads, keyDim, valueDim }, size) =>
      4 * size(B) * size(T) * heads * keyDim * valueDim,
  };

/**
 * `q, k, v, decay, state (slots, heads, keyDim, valueDim), lengths i32 (B), counts i32 (B), index i32 (B) -> out,
 * state`: starts from the state of slot index[b], or from zero where lengths[b] is 0, and leaves there the state
 * behind the first counts[b] tokens; outputs behind these are 0. Slots are distinct.
 */
export const recurrenceCached: KernelDefinition<
  "recurrence_cached",
  CachedRecurrenceAttributes
> = {
  name: "recurrence_cached",
  operands(attributes) {
    const { inputs, out } = operandsOf(attributes);
    const { B, slots, heads, keyDim, valueDim } = attributes;
    const state = [slots, heads, keyDim, valueDim];
    return {
      inputs: [
        ...inputs,
        { name: "state", shape: state },
        { name: "lengths", shape: [B], dtypes: INDEX },
        { name: "counts", shape: [B], dtypes: INDEX },
        { name: "index", shape: [B], dtypes: INDEX },
      ],
      outputs: [out, { name: "state", shape: state, mustShare: "state" }],
    };
  },
  operations: ({ B, T, heads, keyDim, valueDim }, size) =>
    4 * size(B) * size(T) * heads * keyDim * valueDim,
};
