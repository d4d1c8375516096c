/**
 * Rotary position embedding (arXiv:2104.09864), in Hugging Face's half-split layout.
 * @module
 */
import type { Graph, Op, Tensor } from "../graph.ts";
import type { RopeAttributes } from "../kernels/mod.ts";
import { matrix } from "./_check.ts";
import { kernelOp } from "./_kernel_op.ts";
import { addTo } from "./add.ts";

const ropeOp: Op<Pick<RopeAttributes, "headDim" | "rotary" | "inverse">> =
  kernelOp("rope", {
    attributes([x], own) {
      const [rows, columns] = matrix(x, "x");
      if (columns % own.headDim !== 0) {
        throw new RangeError(
          `${columns} columns are no whole number of heads of ${own.headDim}`,
        );
      }
      return { rows, heads: columns / own.headDim, ...own };
    },
    gradient(context) {
      const { graph, node, dOutputs } = context;
      const dOut = dOutputs[0];
      if (dOut === undefined) return;
      const { attributes } = node;
      const turned = graph.apply1(
        ropeOp,
        [dOut, node.inputs[1], node.inputs[2]],
        { ...attributes, inverse: !attributes.inverse },
      );
      context.add(0, (addend) => addTo(graph, addend, turned));
    },
  });

/**
 * Rotates x (N, heads * headDim) by its positions (N). `table` (P, rotary): cos, then sin, of
 * rotary / 2 angles for each position.
 */
export function rope(
  graph: Graph,
  x: Tensor,
  positions: Tensor,
  table: Tensor,
  options: { headDim: number; rotary: number },
): Tensor {
  return graph.apply1(ropeOp, [x, positions, table], {
    ...options,
    inverse: false,
  });
}
