/**
 * Sums over rows: gradients of biases and of norm weights.
 * @module
 */
import type { Access, Expr } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import type { ColumnSumAttributes } from "../kernels/mod.ts";
import { kernelOp } from "./_kernel_op.ts";
import { spaceOf } from "./rows.ts";

/** out[c] = addend[c] + sum over rows of an expression. */
export const columnSumOp: Op<ColumnSumAttributes> = kernelOp("column_sum", {
  attributes: (_, own: ColumnSumAttributes) => own,
});

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
