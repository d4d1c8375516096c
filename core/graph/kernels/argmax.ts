/**
 * The place of the largest element.
 * @module
 */
import type { Dim } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `argmax`. */
export interface ArgmaxAttributes {
  /** Rows of x. */
  readonly rows: Dim;
  /** Columns of x: at least one. */
  readonly columns: number;
}

/** `x (rows, columns) -> out i32 (rows)`: index of the first largest element of each row. */
export const argmax: KernelDefinition<"argmax", ArgmaxAttributes> = {
  name: "argmax",
  operands({ rows, columns }) {
    if (columns === 0) {
      throw new RangeError("a row without columns has no largest element");
    }
    return {
      inputs: [{ name: "x", shape: [rows, columns] }],
      outputs: [{ name: "out", shape: [rows], dtypes: INDEX }],
    };
  },
  operations: ({ rows, columns }, size) => size(rows) * columns,
};
