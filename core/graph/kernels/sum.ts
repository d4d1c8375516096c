/**
 * The sum of everything: gradient norms.
 * @module
 */
import type { Dim } from "../dims.ts";
import { type Access, type Expression, leavesOf } from "../expression.ts";
import { accessOperands, checkExpression } from "./_accesses.ts";
import { columnSum } from "./column_sum.ts";
import { callOf, type KernelDefinition } from "./_definition.ts";

/** Attributes of `sum`. */
export interface SumAttributes {
  /** How many elements. */
  readonly elements: Dim;
  /** How each input is read: `matrix` or `scalars`. */
  readonly inputs: readonly Access[];
  /** What is summed. */
  readonly of: Expression;
  /** Whether a last input is added. */
  readonly addend: boolean;
}

/**
 * `inputs..., addend? -> out ()`: out = addend + the sum of the expression over the (1, elements) space, in a
 * fixed order of chunks.
 */
export const sum: KernelDefinition<"sum", SumAttributes> = {
  name: "sum",
  operands({ elements, inputs, of, addend }) {
    const other = inputs.find((a) => a !== "matrix" && a !== "scalars");
    if (other !== undefined) {
      throw new RangeError(
        `a sum reads matrix and scalars only, found ${other}`,
      );
    }
    checkExpression(
      of,
      { inputs, values: new Set(), perElement: true },
      "the sum",
    );
    return {
      inputs: [
        ...accessOperands(inputs, [of], { rows: 1, columns: elements }),
        ...(addend ? [{ name: "addend", shape: [1] }] : []),
      ],
      outputs: [{
        name: "out",
        shape: [1],
        mayShare: addend ? ["addend"] : [],
      }],
    };
  },
  operations: ({ elements }, size) => size(elements) * 8,
  // one column of all elements; there the index of an element would be that of its row
  decompose({ elements, ...rest }, tensors) {
    if (leavesOf(rest.of).some((leaf) => leaf.kind === "column")) return null;
    return [
      callOf(columnSum, { rows: elements, columns: 1, ...rest }, tensors),
    ];
  },
};
