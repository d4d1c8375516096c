/**
 * Rows of a table by index.
 * @module
 */
import type { Dim } from "../dims.ts";
import { INDEX, type KernelDefinition, WEIGHTS } from "./_definition.ts";

/** Attributes of `gather_rows`. */
export interface GatherRowsAttributes {
  /** How many rows are read. */
  readonly rows: Dim;
  /** Width of a row. */
  readonly columns: number;
}

/** `table (V, columns), index i32 (rows) -> out (rows, columns)`: out[r] = table[index[r]]. */
export const gatherRows: KernelDefinition<"gather_rows", GatherRowsAttributes> =
  {
    name: "gather_rows",
    operands: ({ rows, columns }) => ({
      inputs: [
        { name: "table", shape: [{ free: "V" }, columns], dtypes: WEIGHTS },
        { name: "index", shape: [rows], dtypes: INDEX },
      ],
      outputs: [{ name: "out", shape: [rows, columns] }],
    }),
    operations: ({ rows, columns }, size) => size(rows) * columns * 4,
  };
