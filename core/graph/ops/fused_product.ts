/**
 * A product and the elementwise functions that joined it: what the planner makes of several nodes.
 * @module
 */
import { applies, type Node, type Op } from "../graph.ts";
import type { ProductEpilogue } from "../plan.ts";
import { lowerProduct, type MatmulAttributes, matmulOp } from "./matmul.ts";

/** Attributes of a fused product. */
export interface FusedProduct extends MatmulAttributes {
  /** What is written instead of the product. */
  readonly epilogue: ProductEpilogue;
}

/** Whether a node is a product that functions can join. */
export function isMatmul(node: Node): node is Node<MatmulAttributes> {
  return applies(node, matmulOp);
}

/** Inputs: those of the product, then those of the epilogue. It is made after gradients were taken. */
export const fusedProductOp: Op<FusedProduct> = {
  name: "matmul",
  infer() {
    throw new RangeError("A fused product is made of nodes that have types");
  },
  lower(context) {
    lowerProduct(context, context.node.attributes.epilogue);
  },
  inPlace(node) {
    const { addend, epilogue: { inputs, writes } } = node.attributes;
    const first = node.inputs.length - inputs.length;
    const places = [
      ...inputs.flatMap((access, i) =>
        access === "matrix" && node.inputs[first + i].dtype === "f32"
          ? [first + i]
          : []
      ),
      ...(addend ? [first - 1] : []),
    ];
    return writes.flatMap((_, o) => places.map((i) => [o, i] as const));
  },
};
