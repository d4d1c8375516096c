/**
 * Attention forward: over segments, and over a cache.
 * @module
 */
import { type AttentionAttributes, uniformAt } from "@denotune/denotune/device";
import { checkIndex, type Kernel, type SizeOf } from "../kernel.ts";

/** Sizes of an attention call. */
export interface AttentionSizes {
  readonly B: number;
  readonly T: number;
  /** Query heads that read one key/value head. */
  readonly group: number;
  /** Elements of a row of q, and of a row of k or v. */
  readonly width: number;
  readonly kvWidth: number;
}

/** Fills in the sizes. */
export function attentionSizes(
  attributes: AttentionAttributes,
  size: SizeOf,
): AttentionSizes {
  const { heads, kvHeads, headDim } = attributes;
  return {
    B: size(attributes.B),
    T: size(attributes.T),
    group: heads / kvHeads,
    width: heads * headDim,
    kvWidth: kvHeads * headDim,
  };
}

/** Whether query place i sees key place j, segments apart. */
export function sees(
  { causal, window }: AttentionAttributes,
  i: number,
  j: number,
): boolean {
  if (causal && j > i) return false;
  return window === null || (i - j < window && j - i < window);
}

/** What the probability of query head h for key j is multiplied by; `key`: of the query's row. */
export function kept(
  { dropout, heads }: AttentionAttributes,
  { key, h, j }: {
    readonly key: number;
    readonly h: number;
    readonly j: number;
  },
): number {
  if (dropout === undefined) return 1;
  const { p, stream } = dropout;
  // in single precision, as other backends do it
  return Math.fround(p) <= uniformAt(key, stream, j * heads + h)
    ? Math.fround(1 / (1 - p))
    : 0;
}

/** The score of a query and a key, before the softmax. */
export function score(
  { scale, softcap }: AttentionAttributes,
  product: number,
): number {
  const scaled = scale * product;
  return softcap === null ? scaled : softcap * Math.tanh(scaled / softcap);
}

/** The product of `length` elements of a from `i` and of b from `j`. */
export function dot(
  a: Float64Array,
  i: number,
  b: Float64Array,
  j: number,
  length: number,
): number {
  let sum = 0;
  for (let d = 0; d < length; d++) sum += a[i + d] * b[j + d];
  return sum;
}

/**
 * One query over the keys it sees: writes the mean of the values, weighed by the softmax of the scores,
 * into `out` from `at`; returns the logarithm of the softmax's denominator.
 */
function attend(
  scores: readonly number[],
  factors: readonly number[],
  valueStarts: readonly number[],
  v: Float64Array,
  out: {
    readonly values: Float64Array;
    readonly at: number;
    readonly headDim: number;
  },
): number {
  const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = scores.map((s) => Math.exp(s - largest));
  const denominator = exponentials.reduce((a, b) => a + b, 0);
  for (const [n, exponential] of exponentials.entries()) {
    for (let d = 0; d < out.headDim; d++) {
      out.values[out.at + d] += (exponential / denominator) * factors[n] *
        v[valueStarts[n] + d];
    }
  }
  return largest + Math.log(denominator);
}

/** Attention within equal segments of each row of the batch. */
export const attention: Kernel<"attention"> = {
  run(attributes, size, inputs, [outTensor, lseTensor]) {
    const { B, T, group, width, kvWidth } = attentionSizes(attributes, size);
    const { heads, headDim } = attributes;
    const [q, k, v, segments, rowKeys] = inputs.map((input) => input.load());
    const out = new Float64Array(outTensor.length);
    const lse = new Float64Array(lseTensor.length);
    for (let b = 0; b < B; b++) {
      for (let i = 0; i < T; i++) {
        for (let h = 0; h < heads; h++) {
          const row = b * T + i;
          const qAt = row * width + h * headDim;
          const scores: number[] = [];
          const factors: number[] = [];
          const starts: number[] = [];
          for (let j = 0; j < T; j++) {
            if (
              segments[b * T + j] !== segments[row] || !sees(attributes, i, j)
            ) continue;
            const kvAt = (b * T + j) * kvWidth +
              Math.floor(h / group) * headDim;
            scores.push(score(attributes, dot(q, qAt, k, kvAt, headDim)));
            factors.push(kept(attributes, { key: rowKeys?.[row] ?? 0, h, j }));
            starts.push(kvAt);
          }
          lse[row * heads + h] = attend(scores, factors, starts, v, {
            values: out,
            at: qAt,
            headDim,
          });
        }
      }
    }
    outTensor.save(out);
    lseTensor.save(lse);
  },
};

/** Attention of T new queries over a cache that holds their own keys already. */
export const attentionCached: Kernel<"attention_cached"> = {
  run(attributes, size, inputs, [output]) {
    const { B, T, group, width, kvWidth } = attentionSizes(attributes, size);
    const { heads, headDim, capacity } = attributes;
    const [q, k, v, lengths, index] = inputs.map((input) => input.load());
    const out = new Float64Array(output.length);
    for (let b = 0; b < B; b++) {
      checkIndex(index[b], attributes.slots, "a slot");
      for (let t = 0; t < T; t++) {
        const i = lengths[b] + t; // the query's place in the cache
        for (let h = 0; h < heads; h++) {
          const qAt = (b * T + t) * width + h * headDim;
          const scores: number[] = [];
          const starts: number[] = [];
          for (let j = 0; j <= i && j < capacity; j++) {
            if (!sees({ ...attributes, causal: true }, i, j)) continue;
            const kvAt = (index[b] * capacity + j) * kvWidth +
              Math.floor(h / group) * headDim;
            scores.push(score(attributes, dot(q, qAt, k, kvAt, headDim)));
            starts.push(kvAt);
          }
          const factors = scores.map(() => 1);
          attend(scores, factors, starts, v, { values: out, at: qAt, headDim });
        }
      }
    }
    output.save(out);
  },
};
