/**
 * Sums by group: what a step measures of each source of its data.
 * @module
 */
import type { Dim } from "../dims.ts";
import { column, constant, input } from "../expression.ts";
import { columnSum } from "./column_sum.ts";
import { callOf, INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `group_sum`. */
export interface GroupSumAttributes {
  /** How many values. */
  readonly rows: Dim;
  /** How many groups. */
  readonly count: number;
}

/** `values (rows), groups i32 (rows), addend (count) -> out (count)`: out[g] = addend[g] + the values of group g. */
export const groupSum: KernelDefinition<"group_sum", GroupSumAttributes> = {
  name: "group_sum",
  operands: ({ rows, count }) => ({
    inputs: [
      { name: "values", shape: [rows] },
      { name: "groups", shape: [rows], dtypes: INDEX },
      { name: "addend", shape: [count] },
    ],
    outputs: [{ name: "out", shape: [count], mayShare: ["addend"] }],
  }),
  operations: ({ rows, count }, size) => size(rows) * count,
  // a column for each group, in which the values of the others are zero
  decompose: ({ rows, count }, tensors) => [
    callOf(columnSum, {
      rows,
      columns: count,
      inputs: ["column", "column"],
      of: column().eq(input(1)).select(input(0), constant(0)).node,
      addend: true,
    }, tensors),
  ],
};
