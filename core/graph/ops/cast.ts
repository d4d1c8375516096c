/**
 * The same numbers, stored in another way.
 * @module
 */
import { product } from "../dims.ts";
import type { DType, HalfStorage } from "../dtype.ts";
import { applies, type Graph, type Op, type Tensor } from "../graph.ts";
import { widened } from "./dequantize.ts";

const castOp: Op<{ readonly dtype: DType }> = {
  name: "cast",
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  lower(context) {
    const { node, input, quantized, output, emit } = context;
    const words = quantized(0);
    emit({
      kernel: "copy",
      attributes: { elements: product(node.inputs[0].shape) },
      inputs: [words === null ? input(0) : widened(context, words)],
      outputs: [output(0)],
    });
  },
};

/** x as `dtype` (f32 by default), to nearest even; x itself where it is stored so already. It has no gradient. */
export function cast(graph: Graph, x: Tensor, dtype: DType = "f32"): Tensor {
  return x.dtype === dtype ? x : graph.apply1(castOp, [x], { dtype });
}

/** The numbers in 16 bits that a tensor was widened from; null where it was made otherwise. */
export function roundedFrom(
  { source }: Tensor,
  storage: HalfStorage,
): Tensor | null {
  if (source.kind !== "node" || !applies(source.node, castOp)) return null;
  const [x] = source.node.inputs;
  return x.dtype === storage ? x : null;
}
