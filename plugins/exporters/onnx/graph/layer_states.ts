/**
 * Convolutions and recurrences behind what their layer keeps. Padding is taken for no token: it enters a convolution
 * as zeros and leaves a recurrence's matrix as it is.
 * @module
 */
import {
  type CachedConvolutionAttributes,
  type CachedRecurrenceAttributes,
  product,
} from "@denotune/denotune/core";
import type { GraphBuilder } from "./builder.ts";
import type { OnnxNode, OnnxValue } from "../file/proto.ts";
import type { KernelTranslation, Translation } from "./translation.ts";

/**
 * A convolution of each column; the tail is (B, columns, taps - 1).
 *
 * ```text
 * tail ++ x   t t | x x x 0     taps 3, x with one token of padding behind
 * new tail            x x
 * ```
 */
export const convolutionCached: KernelTranslation<
  CachedConvolutionAttributes
> = (t) => {
  const { onnx, batch } = t;
  const { B, T, columns, taps, slots } = t.attributes;
  const rows = product([B, T]);
  const fresh = onnx.node("Unsqueeze", [batch.fresh(), onnx.ints([2])]);
  const x = onnx.node("Mul", [
    onnx.reshape(t.input(0, [rows, columns]), ["B", "T", columns]),
    fresh,
  ]);
  const before = t.state(2, [columns, taps - 1]);
  const line = onnx.node("Concat", [before, onnx.transpose(x, [0, 2, 1])], {
    axis: { int: 2 },
  }); // (B, columns, taps - 1 + T)
  const weight = onnx.reshape(t.input(1, [columns, taps]), [columns, 1, taps]);
  const out = onnx.node("Conv", [line, weight], {
    group: { int: columns },
    kernel_shape: { ints: [taps] },
  });
  t.output(
    0,
    onnx.reshape(onnx.transpose(out, [0, 2, 1]), [-1, columns]),
    [rows, columns],
  );
  t.output(1, lastTokens(t, line, taps - 1), [slots, taps - 1, columns]);
};

/** The last `count` tokens of each row's line (B, columns, count + T) that are no padding behind it. */
function lastTokens(
  { onnx, batch }: Translation<CachedConvolutionAttributes>,
  line: string,
  count: number,
): string {
  const T = onnx.node("Squeeze", [onnx.size("T"), onnx.ints([0])]);
  // how many new tokens there are up to the last that is no padding: (B, 1)
  const numbers = onnx.node("Range", [
    onnx.int(1),
    onnx.node("Add", [T, onnx.int(1)]),
    onnx.int(1),
  ]);
  const own = onnx.node("Mul", [
    batch.fresh(),
    onnx.cast(numbers, "float32"),
  ]);
  const kept = onnx.node("ReduceMax", [own, onnx.ints([1])], {
    keepdims: { int: 1 },
  });
  const places = onnx.node("Add", [
    kept,
    onnx.floats(Array.from({ length: count }, (_, i) => i)),
  ]); // (B, count)
  const all = onnx.node("Range", [
    onnx.int(0),
    onnx.node("Add", [T, onnx.int(count)]),
    onnx.int(1),
  ]);
  // a product with ones where a place of the line is kept: (B, count + T, count)
  const chosen = onnx.cast(
    onnx.node("Equal", [
      onnx.node("Unsqueeze", [onnx.cast(all, "float32"), onnx.ints([1])]),
      onnx.node("Unsqueeze", [places, onnx.ints([1])]),
    ]),
    "float32",
  );
  return onnx.node("MatMul", [line, chosen]);
}

/** S = exp(decay) S + k v^T and S^T q, token by token, for each head. */
export const recurrenceCached: KernelTranslation<CachedRecurrenceAttributes> = (
  t,
) => {
  const { onnx, batch } = t;
  const { B, T, heads, keyDim, valueDim, slots } = t.attributes;
  const rows = product([B, T]);
  const fresh = onnx.node("Unsqueeze", [batch.fresh(), onnx.ints([2])]);
  const part = (i: number, width: number) =>
    onnx.reshape(t.input(i, [rows, heads * width]), ["B", "T", heads, width]);
  const k = onnx.node("Mul", [
    part(1, keyDim),
    onnx.node("Unsqueeze", [fresh, onnx.ints([3])]),
  ]);
  const decay = onnx.node("Mul", [
    onnx.reshape(t.input(3, [rows, heads]), ["B", "T", heads]),
    fresh,
  ]);
  const state = t.state(4, [heads, keyDim, valueDim]);
  const [after, out] = onnx.nodes(
    "Scan",
    [state, part(0, keyDim), k, part(2, valueDim), decay],
    {
      outputs: 2,
      attributes: {
        body: { graph: token(onnx, t.attributes) },
        num_scan_inputs: { int: 4 },
        scan_input_axes: { ints: [1, 1, 1, 1] },
        scan_output_axes: { ints: [1] },
      },
    },
  );
  t.output(0, onnx.reshape(out, [-1, heads * valueDim]), [
    rows,
    heads * valueDim,
  ]);
  t.output(1, after, [slots, heads, keyDim, valueDim]);
};

/** One token of a recurrence: state, q, k, v, decay -> state, out. */
function token(
  onnx: GraphBuilder,
  { heads, keyDim, valueDim }: CachedRecurrenceAttributes,
) {
  const value = (name: string, ...dims: number[]): OnnxValue => ({
    name,
    type: "float32",
    dims: ["batch_size", ...dims],
  });
  const nodes: OnnxNode[] = [];
  const node = (
    operator: string,
    inputs: readonly string[],
    output: string,
  ): string => {
    nodes.push({
      name: `token/${output}`,
      operator,
      domain: "",
      inputs,
      outputs: [output],
      attributes: {},
    });
    return output;
  };
  const [last, beforeLast, both] = [[-1], [-2], [-1, -2]].map((axes) =>
    onnx.ints(axes)
  );
  const kept = node("Mul", [
    "state",
    node("Exp", [node("Unsqueeze", ["decay", both], "decay.4")], "share"),
  ], "kept");
  const added = node("Mul", [
    node("Unsqueeze", ["k", last], "k.column"),
    node("Unsqueeze", ["v", beforeLast], "v.row"),
  ], "added");
  node("Add", [kept, added], "state.after");
  node("MatMul", [
    node("Unsqueeze", ["q", beforeLast], "q.row"),
    "state.after",
  ], "out.row");
  node("Squeeze", ["out.row", beforeLast], "out");
  return {
    name: "token",
    nodes,
    inputs: [
      value("state", heads, keyDim, valueDim),
      value("q", heads, keyDim),
      value("k", heads, keyDim),
      value("v", heads, valueDim),
      value("decay", heads),
    ],
    outputs: [
      value("state.after", heads, keyDim, valueDim),
      value("out", heads, valueDim),
    ],
    initializers: [],
  };
}
