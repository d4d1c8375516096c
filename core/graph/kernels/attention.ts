/**
 * Softmax attention that never holds a (T, T) matrix: forward, backward, and over a cache.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import { INDEX, type KernelDefinition, type Operand } from "./_definition.ts";

/** What attention kernels share. Rows of q are (b, t) pairs, b-major. */
export interface AttentionAttributes {
  /** Rows of the batch. */
  readonly B: Dim;
  /** Tokens of a row. */
  readonly T: Dim;
  /** Query heads. */
  readonly heads: number;
  /** A divisor of `heads`: query head h reads key/value head floor(h / (heads / kvHeads)). */
  readonly kvHeads: number;
  /** Width of a head. */
  readonly headDim: number;
  /** Whether tokens see only earlier ones and themselves. */
  readonly causal: boolean;
  /** Factor of the scores. */
  readonly scale: number;
  /** Query i sees key j only if i - j < window (and j - i < window if not causal); null: no bound. */
  readonly window: number | null;
  /**
   * Probabilities are kept where `uniformAt(key of the query, stream, j * heads + h) >= p`, and divided by 1 - p; the
   * others are 0. The softmax's denominator counts all of them. Absent: all are kept.
   */
  readonly dropout?: { readonly p: number; readonly stream: number };
  /** Scores become softcap * tanh(score / softcap); null: unchanged. */
  readonly softcap: number | null;
  /** Factors of the products may be rounded to bf16; sums, softmax and results are float32. Absent: they may not. */
  readonly factors?: "bf16";
}

/** Attributes of attention over a cache. */
export interface CachedAttentionAttributes extends AttentionAttributes {
  /** Rows of the cache. */
  readonly slots: number;
  /** Places of a row. */
  readonly capacity: number;
}

/** Operands that forward and backward share. */
function operandsOf(
  { B, T, heads, kvHeads, headDim, window, dropout }: AttentionAttributes,
): {
  readonly rows: Dim;
  readonly width: number;
  readonly kvWidth: number;
  readonly inputs: readonly Operand[];
} {
  if (heads % kvHeads !== 0) {
    throw new RangeError(
      `${heads} heads are no multiple of ${kvHeads} key/value heads`,
    );
  }
  // with an empty window a query would see nothing and its softmax have no terms
  if (window !== null && window < 1) {
    throw new RangeError(`window is ${window}: must be at least 1, or null`);
  }
  if (dropout !== undefined && !(dropout.p > 0 && dropout.p < 1)) {
    throw new RangeError(
      `dropout is ${dropout.p}: must be in (0, 1), or absent`,
    );
  }
  const rows = product([B, T]);
  const [width, kvWidth] = [heads * headDim, kvHeads * headDim];
  return {
    rows,
    width,
    kvWidth,
    inputs: [
      { name: "q", shape: [rows, width] },
      { name: "k", shape: [rows, kvWidth] },
      { name: "v", shape: [rows, kvWidth] },
      { name: "segments", shape: [B, T], dtypes: INDEX },
      ...(dropout === undefined
        ? []
        : [{ name: "rowKeys", shape: [B, T], dtypes: INDEX }]),
    ],
  };
}

/**
 * `q (B*T, heads*headDim), k (B*T, kvHeads*headDim), v, segments i32 (B, T) -> out (B*T, heads*headDim), lse (B*T,
 * heads)`: softmax attention within equal segments of a row of the batch; lse is the natural logarithm of the
 * softmax's denominator (with the maximum put back). With dropout a last input `rowKeys` i32 (B, T): the key of each
 * query's random numbers.
 */
export const attention: KernelDefinition<"attention", AttentionAttributes> = {
  name: "attention",
  operands(attributes) {
    const { rows, width, inputs } = operandsOf(attributes);
    return {
      inputs,
      outputs: [
        { name: "out", shape: [rows, width] },
        { name: "lse", shape: [rows, attributes.heads] },
      ],
    };
  },
  operations: ({ B, T, heads, headDim }, size) =>
    4 * size(B) * heads * size(T) ** 2 * headDim,
};

/** `q, k, v, segments, (rowKeys,) out, lse, dOut -> dQ, dK, dV`. */
export const attentionBackward: KernelDefinition<
  "attention_backward",
  AttentionAttributes
> = {
  name: "attention_backward",
  operands(attributes) {
    const { rows, width, kvWidth, inputs } = operandsOf(attributes);
    return {
      inputs: [
        ...inputs,
        { name: "out", shape: [rows, width] },
        { name: "lse", shape: [rows, attributes.heads] },
        { name: "dOut", shape: [rows, width] },
      ],
      outputs: [
        { name: "dQ", shape: [rows, width] },
        { name: "dK", shape: [rows, kvWidth] },
        { name: "dV", shape: [rows, kvWidth] },
      ],
    };
  },
  operations: ({ B, T, heads, headDim }, size) =>
    10 * size(B) * heads * size(T) ** 2 * headDim,
};

/**
 * `q (B*T, heads*headDim), kCache (slots, capacity, kvHeads*headDim), vCache, lengths i32 (B), index i32 (B) -> out`:
 * query t of row b sees places j <= lengths[b] + t of the cache's slot index[b] (its own key has been written
 * already).
 */
export const attentionCached: KernelDefinition<
  "attention_cached",
  CachedAttentionAttributes
> = {
  name: "attention_cached",
  operands(attributes) {
    const { rows, width, kvWidth } = operandsOf(attributes);
    const { B, slots, capacity } = attributes;
    return {
      inputs: [
        { name: "q", shape: [rows, width] },
        { name: "kCache", shape: [slots, capacity, kvWidth] },
        { name: "vCache", shape: [slots, capacity, kvWidth] },
        { name: "lengths", shape: [B], dtypes: INDEX },
        { name: "index", shape: [B], dtypes: INDEX },
      ],
      outputs: [{ name: "out", shape: [rows, width] }],
    };
  },
  operations: ({ B, T, heads, headDim, capacity }, size) =>
    4 * size(B) * size(T) * heads * capacity * headDim,
};
