/**
 * Rows of a table by index.
 * @module
 */
import type { Dim } from "../dims.ts";
import { type QuantizedShape, quantizedWords } from "../quantize/layout.ts";
import {
  INDEX,
  type KernelDefinition,
  type Operand,
  WEIGHTS,
} from "./_definition.ts";

/** Attributes of `gather_rows`. */
export interface GatherRowsAttributes {
  /** How many rows are read. */
  readonly rows: Dim;
  /** Width of a row. */
  readonly columns: number;
  /** The matrix that the table holds, if it is quantised: the device lists its storage. */
  readonly quantized?: QuantizedShape;
}

/**
 * `table (V, columns), index i32 (rows) -> out (rows, columns)`: out[r] = table[index[r]]. With `quantized`, table is
 * i32 (words), and out gets the numbers of its rows.
 */
export const gatherRows: KernelDefinition<"gather_rows", GatherRowsAttributes> =
  {
    name: "gather_rows",
    operands({ rows, columns, quantized }) {
      if (quantized !== undefined && quantized.columns !== columns) {
        throw new RangeError(
          `rows of ${columns} numbers are read of a matrix of ${quantized.columns} columns`,
        );
      }
      const table: Operand = quantized === undefined
        ? {
          name: "table",
          shape: [{ free: "V" }, columns],
          dtypes: WEIGHTS,
          panels: { rows: "any", columns },
        }
        : {
          name: "table",
          shape: [quantizedWords(quantized)],
          dtypes: INDEX,
          quantized,
        };
      return {
        inputs: [table, { name: "index", shape: [rows], dtypes: INDEX }],
        outputs: [{ name: "out", shape: [rows, columns] }],
      };
    },
    operations: ({ rows, columns }, size) => size(rows) * columns * 4,
  };
