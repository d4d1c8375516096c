/**
 * The numbers of a quantised matrix in float32.
 * @module
 */
import type {
  Graph,
  LowerContext,
  NoAttributes,
  Op,
  QuantizedView,
  Tensor,
} from "../graph.ts";
import type { View } from "../plan.ts";
import { isQuantized } from "../dtype.ts";

/** Inputs: x, quantised. */
const dequantizeOp: Op<NoAttributes> = {
  name: "dequantize",
  infer([x]) {
    if (!isQuantized(x.dtype)) {
      throw new RangeError(`the matrix is stored as ${x.dtype}, not quantised`);
    }
    return [{ shape: x.shape, dtype: "f32" }];
  },
  lower(context) {
    const x = context.quantized(0);
    if (x === null) throw new RangeError("the matrix is not quantised");
    widenTo(context, x, context.output(0));
  },
};

/** The numbers of a quantised matrix, as stored: (rows, columns). It has no gradient. */
export function dequantized(graph: Graph, x: Tensor): Tensor {
  return graph.apply1(dequantizeOp, [x], {});
}

/** A quantised matrix widened into memory that lives during the node only. */
export function widened(context: LowerContext, x: QuantizedView): View {
  const { rows, columns } = x;
  const wide = context.scratch({ shape: [rows, columns], dtype: "f32" });
  widenTo(context, x, wide);
  return wide;
}

function widenTo(
  context: Pick<LowerContext, "emit">,
  { format, rows, columns, view }: QuantizedView,
  out: View,
): void {
  context.emit({
    kernel: "copy",
    attributes: {
      elements: rows * columns,
      quantized: { format, rows, columns },
    },
    inputs: [view],
    outputs: [out],
  });
}
