/**
 * Rotary position embedding (arXiv:2104.09864), in Hugging Face's half-split layout.
 * @module
 */
import { product } from "../dims.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import { expectDim, matrix } from "./_check.ts";
import { addTo } from "./add.ts";

interface RopeAttributes {
  readonly headDim: number;
  readonly rotary: number;
  readonly inverse: boolean;
}

const ropeOp: Op = {
  name: "rope",
  infer([x, positions, table], attributes) {
    const { headDim, rotary } = attributes as unknown as RopeAttributes;
    const [rows, columns] = matrix(x, "x");
    if (columns % headDim !== 0) {
      throw new RangeError(
        `${columns} columns are no whole number of heads of ${headDim}`,
      );
    }
    expectDim(product(positions.shape), rows, "positions");
    expectDim(matrix(table, "table")[1], rotary, "table columns");
    return [{ shape: x.shape, dtype: "f32" }];
  },
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    const attributes = node.attributes as unknown as RopeAttributes;
    const turned = graph.apply1(
      ropeOp,
      [dOut, node.inputs[1], node.inputs[2]],
      { ...attributes, inverse: !attributes.inverse },
    );
    context.add(0, (addend) => addTo(graph, addend, turned));
  },
  lower({ node, input, output, emit }) {
    const { headDim, rotary, inverse } = node
      .attributes as unknown as RopeAttributes;
    const [rows, columns] = matrix(node.inputs[0], "x");
    emit({
      kernel: "rope",
      attributes: { rows, heads: columns / headDim, headDim, rotary, inverse },
      inputs: [input(0), input(1), input(2)],
      outputs: [output(0)],
    });
  },
  inPlace: () => [[0, 0]],
};

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
