/**
 * Cuts columns out of a matrix.
 * @module
 */
import type { Dim } from "../dims.ts";
import type { KernelDefinition } from "./_definition.ts";

/** Attributes of `slice_columns`. */
export interface SliceColumnsAttributes {
  /** Rows of x. */
  readonly rows: Dim;
  /** Columns of x. */
  readonly from: number;
  /** The first that is taken. */
  readonly offset: number;
  /** How many are taken. */
  readonly width: number;
}

/** `x (rows, from) -> out (rows, width)`: columns offset .. offset + width. */
export const sliceColumns: KernelDefinition<
  "slice_columns",
  SliceColumnsAttributes
> = {
  name: "slice_columns",
  operands({ rows, from, offset, width }) {
    if (offset < 0 || offset + width > from) {
      throw new RangeError(
        `columns ${offset} to ${offset + width} do not lie within ${from}`,
      );
    }
    return {
      inputs: [{ name: "x", shape: [rows, from] }],
      outputs: [{ name: "out", shape: [rows, width] }],
    };
  },
  operations: ({ rows, width }, size) => size(rows) * width,
};
