/**
 * A plan: what a backend gets. Everything here is plain data. A plan is a list of segments of kernel
 * calls over numbered buffers; a segment may be repeated over chunks of a dimension.
 * @module
 */
import type { Dim, Extents, Shape } from "./dims.ts";
import type { DType, Quantization } from "./dtype.ts";
import type { Access, Expression, RowProgram } from "./expression.ts";

/** Number of a buffer that a device allocated. */
export type BufferId = number;

/** A tensor as a kernel sees it: dense, row-major, somewhere in a buffer. */
export interface View {
  /** The buffer it lies in. */
  readonly buffer: BufferId;
  /** First element, counted in elements of `dtype`. */
  readonly offset: number;
  /** In a repeated segment: elements to advance at each iteration (0 or absent: the same place). */
  readonly advance?: number;
  /** Sizes, outermost first. */
  readonly shape: Shape;
  /** How it is stored. */
  readonly dtype: DType;
}

/** Fields that attention kernels share. Rows of q are (b, t) pairs, b-major. */
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
  /** Scores become softcap * tanh(score / softcap); null: unchanged. */
  readonly softcap: number | null;
}

/**
 * What a matrix product writes instead of its result: one expression for each output (batch * m, n). Input 0
 * of the expressions is the element of the product, with bias and addend; the others are read by access over the (batch * m, n) space, as in a row program.
 */
export interface ProductEpilogue {
  /** How each input after those of the product is read. */
  readonly inputs: readonly Access[];
  /** One for each output; no `value` leaves. */
  readonly writes: readonly Expression[];
}

/**
 * The kernels that every backend has, by name, with their attributes. In the comments, inputs come
 * before `->`, outputs after; `?` marks an input that is there only if the attribute says so.
 * Unless said otherwise tensors are f32. "In place" names the one input whose buffer and offset an
 * output may share; no other sharing happens.
 */
export interface KernelAttributes {
  /**
   * `a, b, bias?, addend? -> out`: out = alpha * op(a) op(b) + bias + addend, per batch (all operands
   * contiguous by batch). NN: a (m, k), b (k, n). NT: a (m, k), b (n, k). TN: a (k, m), b (k, n).
   * bias (n), addend (m, n) = the shape of out. `b` (and only b) may be stored as bf16 or f16.
   * With `quantized`, b is i32 (words): a matrix of those rows and columns, laid out as
   * `core/graph/quantize/layout.ts` says. Only where the device lists the storage, with batch 1 and numbers for
   * the sizes of b. With `epilogue`, its inputs follow, and the outputs are its; only within the device's
   * `epilogues`. `exact`: what comes out is exponentiated, so where a backend has several ways to add up it
   * takes the one that rounds least. In place: addend, and any `matrix` input of the epilogue.
   */
  matmul: {
    readonly layout: "NN" | "NT" | "TN";
    readonly batch: Dim;
    readonly m: Dim;
    readonly n: Dim;
    readonly k: Dim;
    readonly alpha: number;
    readonly bias: boolean;
    readonly addend: boolean;
    readonly quantized?: Quantization;
    readonly exact?: true;
    readonly epilogue?: ProductEpilogue;
  };
  /**
   * A row program over (rows, columns): inputs and outputs as the program lists them. In place:
   * any `matrix` output over any `matrix` input of the same place in memory.
   */
  rows: {
    readonly rows: Dim;
    readonly columns: Dim;
    readonly program: RowProgram;
  };
  /**
   * `inputs..., addend? -> out (columns)`: out[c] = addend[c] + sum over rows of the expression at
   * (r, c). Accesses as in a row program. In place: addend (always the last input).
   */
  column_sum: {
    readonly rows: Dim;
    readonly columns: number;
    readonly inputs: RowProgram["inputs"];
    readonly of: Expression;
    readonly addend: boolean;
  };
  /**
   * `inputs..., addend? -> out ()`: out = addend + the sum of the expression over all elements of the
   * (1, elements) space, in a fixed order of chunks (accesses `matrix` and `scalars` only).
   * In place: addend (always the last input).
   */
  sum: {
    readonly elements: Dim;
    readonly inputs: RowProgram["inputs"];
    readonly of: Expression;
    readonly addend: boolean;
  };
  /** `values (rows), groups i32 (rows), addend (count) -> out (count)`: sums by group. In place: addend. */
  group_sum: { readonly rows: Dim; readonly count: number };
  /** `table (V, columns), index i32 (rows) -> out (rows, columns)`. The table may be bf16 or f16. */
  gather_rows: { readonly rows: Dim; readonly columns: number };
  /**
   * `values (count, columns), index i32 (count) -> out (rows, columns)`: zero everywhere, then out[index[i]] =
   * values[i]; indices are distinct.
   */
  scatter_rows: {
    readonly rows: Dim;
    readonly count: Dim;
    readonly columns: number;
  };
  /**
   * `values (N, columns), order i32 (N), ids i32 (U), starts i32 (U + 1), addend (V, columns) -> out (V, columns)`:
   * out[ids[u]] = addend[ids[u]] + sum of values[order[i]] for i in [starts[u], starts[u + 1]), in that
   * order; other rows stay. The embedding gradient without atomics. In place: addend (always so).
   */
  scatter_add: { readonly unique: Dim; readonly columns: number };
  /**
   * `x (rows, heads * headDim), positions i32 (rows), table (P, 2 * (rotary / 2)) -> out`: rotary position
   * embedding, Hugging Face's half-split layout: pairs (i, i + rotary / 2) of each head, for i < rotary / 2;
   * table row p holds cos for each i, then sin. The rest of a head is copied. `inverse` turns back.
   * In place: x.
   */
  rope: {
    readonly rows: Dim;
    readonly heads: number;
    readonly headDim: number;
    readonly rotary: number;
    readonly inverse: boolean;
  };
  /**
   * `q (B*T, heads*headDim), k (B*T, kvHeads*headDim), v, segments i32 (B, T) -> out (B*T, heads*headDim),
   * lse (B*T, heads)`: softmax attention within equal segments of a row of the batch; lse is the natural
   * logarithm of the softmax's denominator (with the maximum put back). Never materialises (T, T).
   */
  attention: AttentionAttributes;
  /** `q, k, v, segments, out, lse, dOut -> dQ, dK, dV`. */
  attention_backward: AttentionAttributes;
  /**
   * `q (B*T, heads*headDim), kCache (slots, capacity, kvHeads*headDim), vCache, lengths i32 (B), index i32 (B)
   * -> out`: query t of row b sees places j <= lengths[b] + t of the cache's slot index[b] (its own key has
   * been written already).
   */
  attention_cached: AttentionAttributes & {
    readonly slots: number;
    readonly capacity: number;
  };
  /**
   * `cache (slots, capacity, columns), new (B*T, columns), lengths i32 (B), index i32 (B) -> cache`: row t of b
   * is written at place lengths[b] + t of slot index[b]; places beyond the capacity are dropped. Slots are
   * distinct. In place: cache (always so).
   */
  write_cache: {
    readonly B: Dim;
    readonly T: Dim;
    readonly slots: number;
    readonly capacity: number;
    readonly columns: number;
  };
  /**
   * `logits (rows, columns), options (4), keys i32 (rows), places i32 (rows), index i32 (rows), seen i32 (slots,
   * ceil(columns / 32)) -> out i32 (rows)`: a column of each row, drawn as the options say: temperature, k
   * (0: all), p and penalty.
   *
   * 1. Where the penalty is not 1 and bit c % 32 of seen[index[r], c / 32] is set, a positive logit is divided
   *    by it, any other multiplied.
   * 2. At temperature 0: the first largest.
   * 3. Else, in the order of falling logits (equal ones by column), the first k stay, and of those the fewest
   *    that have p of their sum of exp(logit / temperature).
   * 4. Among them the first largest of logit / temperature + `gumbelAt(keys[r], places[r], c)` of
   *    `core/random.ts`: each is drawn with its share of the sum (the Gumbel-max trick).
   */
  sample: {
    readonly rows: Dim;
    readonly columns: number;
    readonly slots: number;
  };
  /**
   * `chosen i32 (rows), index i32 (rows), tokens i32 (slots), places i32 (slots), ring i32 (ring, slots), seen i32
   * (slots, ceil(columns / 32)) -> tokens, places, ring, seen`: ends a step of decoding. For each row r, with
   * next = places[r] + 1: tokens[r] = chosen[r]; places[r] = min(next, capacity - 1); ring[next mod ring, r] =
   * chosen[r]; bit chosen[r] % 32 of seen[index[r], chosen[r] / 32] is set. In place: all four (always so).
   */
  take_tokens: {
    readonly rows: Dim;
    readonly slots: number;
    readonly ring: number;
    readonly capacity: number;
    readonly columns: number;
  };
  /** `x (rows, from) -> out (rows, width)`: columns offset .. offset + width. */
  slice_columns: {
    readonly rows: Dim;
    readonly from: number;
    readonly offset: number;
    readonly width: number;
  };
  /** `x_0 (rows, widths[0]), x_1, ... -> out (rows, sum of widths)`. */
  concat_columns: { readonly rows: Dim; readonly widths: readonly number[] };
  /** `ring (S, columns), row (columns), index i32 (1) -> ring`: ring[index mod S] = row. In place: ring (always so). */
  write_row: { readonly slots: number; readonly columns: number };
  /**
   * `x -> out`: the same elements; f32 to and from bf16 / f16 by round to nearest even. With `quantized`,
   * x is i32 (words) and holds a matrix (rows, columns) as `core/graph/quantize/layout.ts` lays it out, and out gets
   * its numbers in f32: dequantisation. `elements` is then rows * columns.
   */
  copy: {
    readonly elements: Dim;
    readonly quantized?: {
      readonly format: Quantization;
      readonly rows: number;
      readonly columns: number;
    };
  };
  /** `-> out`: every element is `value`. */
  fill: { readonly elements: Dim; readonly value: number };
  /** `x (rows, columns) -> i32 (rows)`: index of the first largest element. */
  argmax: { readonly rows: Dim; readonly columns: number };
}

/** Name of a kernel. */
export type KernelName = keyof KernelAttributes;

/** One kernel call. */
export type KernelCall = {
  [K in KernelName]: {
    readonly kernel: K;
    readonly attributes: KernelAttributes[K];
    readonly inputs: readonly View[];
    readonly outputs: readonly View[];
    /** What the call is for, in profiles and errors: `layers.0.mlp.down_proj`. */
    readonly label: string;
  };
}[KernelName];

/**
 * Calls that run in order. With `repeat`, they run once for each chunk: for i in 0 .. ceil(total / chunk),
 * with the extent `as` = min(chunk, total - i * chunk) and every view advanced i times. A total of 0
 * runs nothing.
 */
export interface Segment {
  /** What is run, in order. */
  readonly calls: readonly KernelCall[];
  /** How often; absent: once. */
  readonly repeat?: {
    readonly total: Dim;
    readonly chunk: number;
    readonly as: string;
  };
}

/** A program as a backend gets it. */
export interface Plan {
  /** Its name in errors and profiles. */
  readonly name: string;
  /** What is run, in order. */
  readonly segments: readonly Segment[];
  /**
   * Capacity of each named dimension that a run gives: no extent is ever larger. The extents that repeated
   * segments define themselves are not among them: their capacity is the chunk.
   */
  readonly capacities: Extents;
}
