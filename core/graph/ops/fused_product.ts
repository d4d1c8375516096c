/**
 * A product and the elementwise functions that joined it: what the planner makes of several nodes.
 * @module
 */
import type { Attributes, Node, Op } from "../graph.ts";
import type { ProductEpilogue } from "../plan.ts";
import { lowerProduct, type MatmulAttributes, matmulOp } from "./matmul.ts";

/** Attributes of a fused product. */
export interface FusedProduct extends Attributes {
  readonly epilogue: ProductEpilogue;
}

function epilogueOf(node: Node): ProductEpilogue {
  return (node.attributes as FusedProduct).epilogue;
}

/** Whether a node is a product that functions can join. */
export function isMatmul(node: Node): boolean {
  return node.op === matmulOp;
}

/** Inputs: those of the product, then those of the epilogue. It is made after gradients were taken. */
export const fusedProductOp: Op = {
  name: "matmul",
  infer() {
    throw new RangeError("A fused product is made of nodes that have types");
  },
  lower(context) {
    lowerProduct(context, epilogueOf(context.node));
  },
  inPlace(node) {
    const { inputs, writes } = epilogueOf(node);
    const first = node.inputs.length - inputs.length;
    const { addend } = node.attributes as unknown as MatmulAttributes;
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
