/**
 * Sums over rows: gradients of biases and of norm weights.
 * @module
 */
import type { Dim } from "../dims.ts";
import type { Access, Expression } from "../expression.ts";
import { accessOperands, checkExpression } from "./_accesses.ts";
import type { KernelDefinition } from "./_definition.ts";

/** Attributes of `column_sum`. */
export interface ColumnSumAttributes {
  /** Rows of the space. */
  readonly rows: Dim;
  /** Its columns. */
  readonly columns: number;
  /** How each input is read. */
  readonly inputs: readonly Access[];
  /** What is summed. */
  readonly of: Expression;
  /** Whether a last input is added. */
  readonly addend: boolean;
}

/** `inputs..., addend? -> out (columns)`: out[c] = addend[c] + the sum over rows of the expression at (r, c). */
export const columnSum: KernelDefinition<"column_sum", ColumnSumAttributes> = {
  name: "column_sum",
  operands({ rows, columns, inputs, of, addend }) {
    checkExpression(
      of,
      { inputs, values: new Set(), perElement: true },
      "the sum",
    );
    return {
      inputs: [
        ...accessOperands(inputs, [of], { rows, columns }),
        ...(addend ? [{ name: "addend", shape: [columns] }] : []),
      ],
      outputs: [{
        name: "out",
        shape: [columns],
        mayShare: addend ? ["addend"] : [],
      }],
    };
  },
  operations: ({ rows, columns }, size) => size(rows) * columns * 8,
};
