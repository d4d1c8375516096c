/**
 * A short causal convolution of each column, within segments or behind the tokens that a state keeps.
 * @module
 */
import type { Dim } from "../dims.ts";
import { column, input, write } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import type { ConvolutionAttributes } from "../kernels/mod.ts";
import { fixedDim, matrix } from "./_check.ts";
import { kernelOp } from "./_kernel_op.ts";
import { addTo } from "./add.ts";
import type { CacheRows } from "./attention.ts";
import { columnSum } from "./column_sum.ts";
import { concatColumns } from "./columns.ts";
import { rows } from "./rows.ts";

const convolutionOp: Op<Pick<ConvolutionAttributes, "B" | "T" | "reverse">> =
  kernelOp("convolution", {
    attributes([x, weight], own) {
      const [, columns] = matrix(x, "x");
      return { ...own, columns, taps: tapsOf(weight) };
    },
    gradient(context) {
      const { graph, node, dOutputs } = context;
      const dOut = dOutputs[0];
      if (dOut === undefined) return;
      const [x, weight, segments] = node.inputs;
      const { attributes } = node;
      if (context.wants(0)) {
        const turned = graph.apply1(convolutionOp, [dOut, weight, segments], {
          ...attributes,
          reverse: !attributes.reverse,
        });
        context.add(0, (addend) => addTo(graph, addend, turned));
      }
      if (context.wants(1)) {
        // column j of dW is the sum of dOut * x moved to where tap j sees it: a convolution with that tap alone
        const taps = tapsOf(weight);
        const parts = Array.from({ length: taps }, (_, j) => {
          const moved = graph.apply1(
            convolutionOp,
            [x, oneTap(graph, weight, j), segments],
            attributes,
          );
          const sum = columnSum(
            graph,
            [dOut, moved],
            ["matrix", "matrix"],
            input(0).mul(input(1)),
          );
          return { ...sum, shape: [fixedDim(weight.shape[0]), 1] };
        });
        const joined = {
          ...concatColumns(graph, parts),
          shape: weight.shape,
        };
        context.add(1, (addend) => addTo(graph, addend, joined));
      }
    },
  });

/** Taps of a weight (C, taps), or (C, 1, taps) as files have it. */
function tapsOf({ shape }: { shape: Tensor["shape"] }): number {
  return fixedDim(shape[shape.length - 1]);
}

/** Weights (C, taps) that are 1 at tap `j` and 0 elsewhere. */
function oneTap(graph: Graph, { shape }: Tensor, j: number): Tensor {
  const columns = fixedDim(shape[shape.length - 1]);
  return rows(graph, [], { rows: fixedDim(shape[0]), columns }, {
    inputs: [],
    stages: [write(0, column().eq(j))],
    outputs: ["matrix"],
  })[0];
}

/**
 * out[t, c] = sum over j of weight[c, taps - 1 - j] x[t - j, c], over tokens of t's segment. x (B*T, C), weight (C,
 * taps) or (C, 1, taps), segments i32 (B, T).
 */
export function convolution(
  graph: Graph,
  x: Tensor,
  weight: Tensor,
  segments: Tensor,
): Tensor {
  const [B, T] = segments.shape;
  return graph.apply1(convolutionOp, [x, weight, segments], {
    B,
    T,
    reverse: false,
  });
}

/** Slots of a batch's rows in a state. */
export interface StateRows extends CacheRows {
  /** New tokens of each row that count; padding behind them must leave the state as it is: i32 (B). */
  readonly counts: Tensor;
}

const convolutionCachedOp: Op<{ readonly B: Dim; readonly T: Dim }> = kernelOp(
  "convolution_cached",
  {
    attributes([x, weight, tail], own) {
      const [, columns] = matrix(x, "x");
      return {
        ...own,
        columns,
        taps: tapsOf(weight),
        slots: fixedDim(tail.shape[0]),
      };
    },
    alwaysInPlace: true,
  },
);

/** The same behind the last tokens that the variable `tail` (slots, taps - 1, C) keeps, and keeps the new ones. */
export function cachedConvolution(
  graph: Graph,
  x: Tensor,
  weight: Tensor,
  { tail, lengths, counts, index, B, T }: StateRows & { readonly tail: Tensor },
): Tensor {
  const [out, after] = graph.apply(convolutionCachedOp, [
    x,
    weight,
    tail,
    lengths,
    counts,
    index,
  ], { B, T });
  graph.assign(tail, after);
  return out;
}
