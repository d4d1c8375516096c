/**
 * Rotary positions, and columns cut out of a matrix or put side by side.
 * @module
 */
import type {
  ConcatColumnsAttributes,
  RopeAttributes,
  SliceColumnsAttributes,
} from "@denotune/denotune/core";
import type { KernelTranslation } from "./translation.ts";

/** Turns the pairs (i, i + rotary / 2) of each head; the rest of it is copied. */
export const rope: KernelTranslation<RopeAttributes> = (t) => {
  const { onnx } = t;
  const { rows, heads, headDim, rotary, inverse } = t.attributes;
  const half = rotary / 2;
  const angles = t.lookUp(2, t.input(1, [rows]), rotary);
  // (N, 1, rotary / 2): the same for every head
  const [cos, sin] = onnx.nodes("Split", [
    onnx.node("Unsqueeze", [angles, onnx.ints([1])]),
    onnx.ints([half, half]),
  ], { attributes: { axis: { int: 2 } }, outputs: 2 });
  const x = onnx.reshape(t.input(0, [rows, heads * headDim]), [
    -1,
    heads,
    headDim,
  ]);
  const rest = headDim - rotary;
  const widths = rest > 0 ? [half, half, rest] : [half, half];
  const [a, b, ...copied] = onnx.nodes("Split", [x, onnx.ints(widths)], {
    attributes: { axis: { int: 2 } },
    outputs: widths.length,
  });
  const times = (u: string, v: string) => onnx.node("Mul", [u, v]);
  const [first, second] = inverse ? ["Add", "Sub"] : ["Sub", "Add"];
  const turned = onnx.node("Concat", [
    onnx.node(first, [times(a, cos), times(b, sin)]),
    onnx.node(second, [times(b, cos), times(a, sin)]),
    ...copied,
  ], { axis: { int: 2 } });
  const out = onnx.reshape(turned, [-1, heads * headDim]);
  t.output(0, out, [rows, heads * headDim]);
};

/** Columns offset .. offset + width. */
export const sliceColumns: KernelTranslation<SliceColumnsAttributes> = (t) => {
  const { rows, from, offset, width } = t.attributes;
  const cut = t.onnx.slice(t.input(0, [rows, from]), {
    axis: 1,
    start: t.onnx.ints([offset]),
    end: t.onnx.ints([offset + width]),
  });
  t.output(0, cut, [rows, width]);
};

/** Matrices side by side. */
export const concatColumns: KernelTranslation<ConcatColumnsAttributes> = (
  t,
) => {
  const { rows, widths } = t.attributes;
  const parts = widths.map((width, i) => t.input(i, [rows, width]));
  const joined = t.onnx.node("Concat", parts, { axis: { int: 1 } });
  t.output(0, joined, [rows, widths.reduce((a, b) => a + b, 0)]);
};
