/**
 * Puts matrices side by side.
 * @module
 */
import type { Dim } from "../dims.ts";
import type { KernelDefinition } from "./_definition.ts";

/** Attributes of `concat_columns`. */
export interface ConcatColumnsAttributes {
  /** Rows of all. */
  readonly rows: Dim;
  /** Columns of each. */
  readonly widths: readonly number[];
}

/** `x_0 (rows, widths[0]), x_1, ... -> out (rows, sum of widths)`. */
export const concatColumns: KernelDefinition<
  "concat_columns",
  ConcatColumnsAttributes
> = {
  name: "concat_columns",
  operands: ({ rows, widths }) => ({
    inputs: widths.map((width, i) => ({
      name: `x_${i}`,
      shape: [rows, width],
    })),
    outputs: [{ name: "out", shape: [rows, total(widths)] }],
  }),
  operations: ({ rows, widths }, size) => size(rows) * total(widths),
};

function total(widths: readonly number[]): number {
  return widths.reduce((a, b) => a + b, 0);
}
