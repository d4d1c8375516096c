/**
 * Sums over rows: gradients of biases and of norm weights.
 * @module
 */
import type { Access, Expr, Expression } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import type { Dim } from "../dims.ts";
import { expectShape } from "./_check.ts";
import { spaceOf } from "./rows.ts";

interface ColumnSumAttributes {
  readonly rows: Dim;
  readonly columns: number;
  readonly inputs: readonly Access[];
  readonly of: Expression;
  readonly addend: boolean;
}

/** out[c] = addend[c] + sum over rows of an expression. */
export const columnSumOp: Op = {
  name: "column_sum",
  infer(inputs, attributes) {
    const { columns, addend } = attributes as unknown as ColumnSumAttributes;
    if (addend) {
      expectShape(inputs[inputs.length - 1].shape, [columns], "addend");
    }
    return [{ shape: [columns], dtype: "f32" }];
  },
  lower({ node, input, output, emit }) {
    emit({
      kernel: "column_sum",
      attributes: node.attributes as unknown as ColumnSumAttributes,
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0)],
    });
  },
  inPlace(node) {
    const { addend } = node.attributes as unknown as ColumnSumAttributes;
    return addend ? [[0, node.inputs.length - 1]] : [];
  },
};

/** Sum over the rows of the first tensor's (rows, columns) space. */
export function columnSum(
  graph: Graph,
  tensors: readonly Tensor[],
  accesses: readonly Access[],
  of: Expr,
  addend?: Tensor,
): Tensor {
  const { rows, columns } = spaceOf(tensors[0]);
  return graph.apply1(
    columnSumOp,
    addend === undefined ? tensors : [...tensors, addend],
    {
      rows,
      columns,
      inputs: accesses,
      of: of.node,
      addend: addend !== undefined,
    },
  );
}
