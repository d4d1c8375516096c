/**
 * Softmax attention within segments, without ever holding a (T, T) matrix (the recomputation of
 * arXiv:2205.14135: forward keeps one log-sum-exp a row).
 * @module
 */
import type { Dim } from "../dims.ts";
import type { Graph, Node, Op, Tensor } from "../graph.ts";
import type { AttentionAttributes } from "../plan.ts";
import { kernelOp } from "./_kernel_op.ts";
import { addTo } from "./add.ts";

/** What a model says of its attention. */
export interface AttentionOptions {
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; a divisor of `heads`. */
  readonly kvHeads: number;
  /** Width of a head. */
  readonly headDim: number;
  /** Factor of the scores, normally 1 / sqrt(headDim). */
  readonly scale: number;
  /** Whether tokens see only earlier ones and themselves. */
  readonly causal: boolean;
  /** How many tokens are seen, itself included; null: all. */
  readonly window?: number | null;
  /** Bound of the scores; null: none. */
  readonly softcap?: number | null;
}

const attentionOp: Op<AttentionAttributes> = kernelOp("attention", {
  rounds: () => [0, 1, 2], // queries, keys and values
  attributes: (_, own: AttentionAttributes) => own,
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    const grads = graph.apply(attentionBackwardOp, [
      ...node.inputs,
      ...node.outputs,
      dOut,
    ], node.attributes);
    grads.forEach((g, i) => {
      if (context.wants(i)) context.add(i, (addend) => addTo(graph, addend, g));
    });
  },
});

const attentionBackwardOp: Op<AttentionAttributes> = kernelOp(
  "attention_backward",
  {
    // the same, and behind the other inputs of the forward pass what it gave: out, lse
    rounds: ({ inputs }) => [0, 1, 2, inputs.length - 3],
    attributes: (_, own: AttentionAttributes) => own,
  },
);

/** The node with products of bf16 factors if it is attention over a batch, else as it is. */
export function withBfloat16Products(node: Node): Node {
  if (node.op !== attentionOp && node.op !== attentionBackwardOp) return node;
  return { ...node, attributes: { ...node.attributes, factors: "bf16" } };
}

/** Dropout of attention's probabilities. */
export interface AttentionDropout {
  /** Share that is dropped, in (0, 1). */
  readonly p: number;
  /** Distinguishes this dropout from others. */
  readonly stream: number;
  /** Key of each query's random numbers: i32 (B, T). */
  readonly rowKeys: Tensor;
}

/** Attention of q (B*T, heads*headDim) over k, v (B*T, kvHeads*headDim) within segments i32 (B, T). */
export function attention(
  graph: Graph,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  segments: Tensor,
  options: AttentionOptions & { readonly dropout?: AttentionDropout },
): Tensor {
  const [B, T] = segments.shape;
  const { dropout, ...own } = options;
  const inputs = [q, k, v, segments];
  if (dropout !== undefined) inputs.push(dropout.rowKeys);
  return graph.apply(attentionOp, inputs, {
    B,
    T,
    window: null,
    softcap: null,
    ...own,
    ...(dropout === undefined
      ? {}
      : { dropout: { p: dropout.p, stream: dropout.stream } }),
  })[0];
}

const writeCacheOp: Op<{ readonly B: Dim; readonly T: Dim }> = kernelOp(
  "write_cache",
  {
    attributes: ([cache], { B, T }) => ({
      B,
      T,
      slots: fixed(cache.shape[0]),
      capacity: fixed(cache.shape[1]),
      columns: fixed(cache.shape[2]),
    }),
    alwaysInPlace: true,
  },
);

const attentionCachedOp: Op<AttentionAttributes> = kernelOp(
  "attention_cached",
  {
    attributes: ([, cache], own) => ({
      ...own,
      slots: fixed(cache.shape[0]),
      capacity: fixed(cache.shape[1]),
    }),
  },
);

function fixed(d: Dim): number {
  if (typeof d !== "number") {
    throw new RangeError("A cache has fixed slots, capacity and width");
  }
  return d;
}

/** Keys and values that a cache holds: (slots, capacity, kvHeads*headDim). */
export interface KeysAndValues {
  /** Keys. */
  readonly k: Tensor;
  /** Values. */
  readonly v: Tensor;
}

/** Slots and positions of a batch's rows in a cache. */
export interface CacheRows {
  /** Place of each row's first new token: i32 (B). */
  readonly lengths: Tensor;
  /** Slot of each row: i32 (B). */
  readonly index: Tensor;
  /** Rows of the batch. */
  readonly B: Dim;
  /** New tokens of a row. */
  readonly T: Dim;
}

/**
 * Attention over a key/value cache, for generation. New keys and values (B*T, kvHeads*headDim) are
 * written behind each row's `lengths` i32 (B), in its slot `index` i32 (B); the caches are variables (slots,
 * capacity, kvHeads*headDim). Gives what was attended to as well, the new ones included.
 */
export function cachedAttention(
  graph: Graph,
  { q, k, v }: { readonly q: Tensor } & KeysAndValues,
  cache: CacheRows & KeysAndValues,
  options: AttentionOptions,
): { readonly out: Tensor; readonly written: KeysAndValues } {
  const { B, T, lengths, index } = cache;
  const write = (variable: Tensor, value: Tensor) => {
    const written = graph.apply1(
      writeCacheOp,
      [variable, value, lengths, index],
      { B, T },
    );
    graph.assign(variable, written);
    return written;
  };
  const written = { k: write(cache.k, k), v: write(cache.v, v) };
  return {
    out: sharedAttention(graph, q, { ...cache, ...written }, options),
    written,
  };
}

/** Attention over keys and values that are in a cache already: those of an earlier layer. */
export function sharedAttention(
  graph: Graph,
  q: Tensor,
  { k, v, lengths, index, B, T }: CacheRows & KeysAndValues,
  options: AttentionOptions,
): Tensor {
  return graph.apply1(attentionCachedOp, [q, k, v, lengths, index], {
    B,
    T,
    window: null,
    softcap: null,
    ...options,
  });
}
