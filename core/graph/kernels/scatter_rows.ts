/**
 * Rows by index, the other way: the gradient of a selection of rows.
 * @module
 */
import type { Dim } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `scatter_rows`. */
export interface ScatterRowsAttributes {
  /** Rows of the result. */
  readonly rows: Dim;
  /** Rows that are written. */
  readonly count: Dim;
  /** Width of a row. */
  readonly columns: number;
}

/**
 * `values (count, columns), index i32 (count) -> out (rows, columns)`: zero everywhere, then out[index[i]] =
 * values[i]; indices are distinct.
 */
export const scatterRows: KernelDefinition<
  "scatter_rows",
  ScatterRowsAttributes
> = {
  name: "scatter_rows",
  operands: ({ rows, count, columns }) => ({
    inputs: [
      { name: "values", shape: [count, columns] },
      { name: "index", shape: [count], dtypes: INDEX },
    ],
    outputs: [{ name: "out", shape: [rows, columns] }],
  }),
  operations: ({ count, columns }, size) => size(count) * columns * 4,
};
