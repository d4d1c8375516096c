/**
 * Softmax attention within segments, without ever holding a (T, T) matrix (the recomputation of
 * arXiv:2205.14135: forward keeps one log-sum-exp a row).
 * @module
 */
import { type Dim, product } from "../dims.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import type { AttentionAttributes } from "../plan.ts";
import { expectDim, matrix } from "./_check.ts";
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

function check(
  inputs: readonly { shape: Tensor["shape"] }[],
  a: AttentionAttributes,
): void {
  const [q, k, v] = inputs.map((t) => matrix(t as Tensor, "attention operand"));
  const rows = product([a.B, a.T]);
  if (a.heads % a.kvHeads !== 0) {
    throw new RangeError(
      `${a.heads} heads are no multiple of ${a.kvHeads} key/value heads`,
    );
  }
  expectDim(q[0], rows, "rows of q");
  expectDim(q[1], a.heads * a.headDim, "columns of q");
  for (const t of [k, v]) {
    expectDim(t[1], a.kvHeads * a.headDim, "columns of k and v");
  }
}

const attentionOp: Op = {
  name: "attention",
  infer(inputs, attributes) {
    const a = attributes as unknown as AttentionAttributes;
    check(inputs.slice(0, 3), a);
    return [
      { shape: inputs[0].shape, dtype: "f32" },
      { shape: [inputs[0].shape[0], a.heads], dtype: "f32" },
    ];
  },
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
  lower({ node, input, output, emit }) {
    emit({
      kernel: "attention",
      attributes: node.attributes as unknown as AttentionAttributes,
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0), output(1)],
    });
  },
};

const attentionBackwardOp: Op = {
  name: "attention_backward",
  infer: ([q, k, v]) =>
    [q, k, v].map((t) => ({ shape: t.shape, dtype: "f32" as const })),
  lower({ node, input, output, emit }) {
    emit({
      kernel: "attention_backward",
      attributes: node.attributes as unknown as AttentionAttributes,
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0), output(1), output(2)],
    });
  },
};

/** Attention of q (B*T, heads*headDim) over k, v (B*T, kvHeads*headDim) within segments i32 (B, T). */
export function attention(
  graph: Graph,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  segments: Tensor,
  options: AttentionOptions,
): Tensor {
  const [B, T] = segments.shape;
  return graph.apply(attentionOp, [q, k, v, segments], {
    B,
    T,
    window: null,
    softcap: null,
    ...options,
  })[0];
}

const writeCacheOp: Op = {
  name: "write_cache",
  infer: ([cache]) => [{ shape: cache.shape, dtype: "f32" }],
  lower({ node, input, output, emit }) {
    const [cache] = node.inputs;
    const { B, T } = node.attributes as { B?: Dim; T?: Dim };
    if (B === undefined || T === undefined) {
      throw new RangeError("write_cache needs B and T");
    }
    emit({
      kernel: "write_cache",
      attributes: {
        B,
        T,
        slots: fixed(cache.shape[0]),
        capacity: fixed(cache.shape[1]),
        columns: fixed(cache.shape[2]),
      },
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0)],
    });
  },
  inPlace: () => [[0, 0]],
  alwaysInPlace: true,
};

const attentionCachedOp: Op = {
  name: "attention_cached",
  infer: ([q]) => [{ shape: q.shape, dtype: "f32" }],
  lower({ node, input, output, emit }) {
    emit({
      kernel: "attention_cached",
      attributes: {
        ...(node.attributes as unknown as AttentionAttributes),
        slots: fixed(node.inputs[1].shape[0]),
        capacity: fixed(node.inputs[1].shape[1]),
      },
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0)],
    });
  },
};

function fixed(d: Dim): number {
  if (typeof d !== "number") {
    throw new RangeError("A cache has fixed slots, capacity and width");
  }
  return d;
}

/**
 * Attention over a key/value cache, for generation. New keys and values (B*T, kvHeads*headDim) are
 * written behind each row's `lengths` i32 (B), in its slot `index` i32 (B); the caches are variables (slots,
 * capacity, kvHeads*headDim).
 */
export function cachedAttention(
  graph: Graph,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  cache: {
    readonly k: Tensor;
    readonly v: Tensor;
    readonly lengths: Tensor;
    readonly index: Tensor;
    readonly B: Dim;
    readonly T: Dim;
  },
  options: AttentionOptions,
): Tensor {
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
  return graph.apply1(attentionCachedOp, [
    q,
    write(cache.k, k),
    write(cache.v, v),
    lengths,
    index,
  ], {
    B,
    T,
    window: null,
    softcap: null,
    ...options,
  });
}
