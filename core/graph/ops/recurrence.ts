/**
 * A linear recurrence with a matrix as its state. Its gradients are recurrences too, so nothing but its inputs is
 * kept. With S the state, D the gradient of the loss by it, and sums within a segment:
 *
 * ```text
 * S_t = sum over s <= t of decays(s+1 .. t) k_s v_s^T       dq_t = S_t dout_t        keys and values swapped
 * D_t = sum over s >= t of decays(t+1 .. s) q_s dout_s^T    dk_t = D_t v_t           the same, backwards
 *                                                           dv_t = D_t^T k_t
 * ddecay_t = sum over s >= t of (q_s dq_s - v_s dv_s)
 * ```
 *
 * The last: by the logarithm of a decay, the gradient is that of scaling S_{t-1}, which scales all later outputs by
 * the parts that it has in them; what is scaled and what is not add up to q dq at each token.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import { constant, input, reduce, value, write } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import type { RecurrenceAttributes } from "../kernels/mod.ts";
import { expectDim, fixedDim, matrix } from "./_check.ts";
import { kernelOp } from "./_kernel_op.ts";
import { addTo } from "./add.ts";
import type { StateRows } from "./convolution.ts";
import { rows } from "./rows.ts";

type OwnAttributes = Pick<RecurrenceAttributes, "B" | "T" | "reverse">;

/** Sizes of heads, from queries, values and decays. */
function headsOf(
  [q, , v, decay]: readonly { shape: Tensor["shape"] }[],
): { heads: number; keyDim: number; valueDim: number } {
  const heads = fixedDim(decay.shape[1]);
  const [keys, values] = [fixedDim(q.shape[1]), fixedDim(v.shape[1])];
  if (keys % heads !== 0 || values % heads !== 0) {
    throw new RangeError(
      `${keys} columns of keys and ${values} of values are no whole number of ${heads} heads`,
    );
  }
  return { heads, keyDim: keys / heads, valueDim: values / heads };
}

const recurrenceOp: Op<OwnAttributes> = kernelOp("recurrence", {
  attributes(inputs, own) {
    expectDim(matrix(inputs[0], "q")[0], product([own.B, own.T]), "rows of q");
    return { ...own, ...headsOf(inputs) };
  },
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    const [q, k, v, decay, segments] = node.inputs;
    const { attributes } = node;
    const run = (
      tensors: readonly [q: Tensor, k: Tensor, v: Tensor],
      backwards: boolean,
    ) =>
      graph.apply1(recurrenceOp, [...tensors, decay, segments], {
        ...attributes,
        reverse: attributes.reverse !== backwards,
      });
    const give = (i: number, gradient: Tensor) =>
      context.add(i, (addend) => addTo(graph, addend, gradient));
    const wantsDecay = context.wants(3);
    const dQ = context.wants(0) || wantsDecay ? run([dOut, v, k], false) : null;
    const dV = context.wants(2) || wantsDecay ? run([k, q, dOut], true) : null;
    if (context.wants(0) && dQ !== null) give(0, dQ);
    if (context.wants(1)) give(1, run([v, dOut, q], true));
    if (context.wants(2) && dV !== null) give(2, dV);
    if (wantsDecay && dQ !== null && dV !== null) {
      if (attributes.reverse) {
        throw new RangeError(
          "a recurrence that runs backwards has no gradient by its decay",
        );
      }
      const { heads, keyDim, valueDim } = headsOf(node.inputs);
      const byKeys = headSums(graph, [q, dQ], { heads, columns: keyDim });
      const byValues = headSums(graph, [v, dV], { heads, columns: valueDim });
      give(3, sumsBehind(graph, [byKeys, byValues, segments], attributes));
    }
  },
});

/** sum over a head's columns of a * b: (N, heads). */
function headSums(
  graph: Graph,
  [a, b]: readonly [Tensor, Tensor],
  { heads, columns }: { heads: number; columns: number },
): Tensor {
  const [N] = a.shape;
  const [sums] = rows(graph, [a, b], { rows: product([N, heads]), columns }, {
    inputs: ["matrix", "matrix"],
    stages: [
      reduce("sum", "sum", input(0).mul(input(1))),
      write(0, value("sum")),
    ],
    outputs: ["column"],
  });
  return { ...sums, shape: [N, heads] };
}

/** out[t] = sum of a[s] - b[s] over the tokens s >= t of t's segment: a recurrence of numbers without decay. */
function sumsBehind(
  graph: Graph,
  [a, b, segments]: readonly [a: Tensor, b: Tensor, segments: Tensor],
  { B, T }: { B: Dim; T: Dim },
): Tensor {
  const space = { rows: a.shape[0], columns: fixedDim(a.shape[1]) };
  const [difference, ones, zeros] = rows(graph, [a, b], space, {
    inputs: ["matrix", "matrix"],
    stages: [
      write(0, input(0).sub(input(1))),
      write(1, constant(1)),
      write(2, constant(0)),
    ],
    outputs: ["matrix", "matrix", "matrix"],
  });
  return graph.apply1(
    recurrenceOp,
    [ones, ones, difference, zeros, segments],
    { B, T, reverse: true },
  );
}

/** Queries, keys, values and decays of a recurrence. */
export interface RecurrenceOperands {
  /** Queries (N, heads * keyDim). */
  readonly q: Tensor;
  /** Keys (N, heads * keyDim). */
  readonly k: Tensor;
  /** Values (N, heads * valueDim). */
  readonly v: Tensor;
  /** Logarithm of what stays of the state, at most 0 (N, heads). */
  readonly decay: Tensor;
}

/** out_t = S_t^T q_t, with S_t = exp(decay_t) S_{t-1} + k_t v_t^T within segments i32 (B, T): (N, heads * valueDim). */
export function recurrence(
  graph: Graph,
  { q, k, v, decay }: RecurrenceOperands,
  segments: Tensor,
): Tensor {
  const [B, T] = segments.shape;
  return graph.apply1(recurrenceOp, [q, k, v, decay, segments], {
    B,
    T,
    reverse: false,
  });
}

const recurrenceCachedOp: Op<{ readonly B: Dim; readonly T: Dim }> = kernelOp(
  "recurrence_cached",
  {
    attributes: (inputs, own) => ({
      ...own,
      ...headsOf(inputs),
      slots: fixedDim(inputs[4].shape[0]),
    }),
    alwaysInPlace: true,
  },
);

/** The same from the state that the variable `state` (slots, heads, keyDim, valueDim) keeps, and keeps the new one. */
export function cachedRecurrence(
  graph: Graph,
  { q, k, v, decay }: RecurrenceOperands,
  { state, lengths, counts, index, B, T }: StateRows & {
    readonly state: Tensor;
  },
): Tensor {
  const [out, after] = graph.apply(recurrenceCachedOp, [
    q,
    k,
    v,
    decay,
    state,
    lengths,
    counts,
    index,
  ], { B, T });
  graph.assign(state, after);
  return out;
}
