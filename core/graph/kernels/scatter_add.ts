/**
 * The gradient of an embedding, without atomics: the host sorts the tokens by id.
 * @module
 */
import type { Dim } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `scatter_add`. */
export interface ScatterAddAttributes {
  /** How many distinct ids. */
  readonly unique: Dim;
  /** Width of a row. */
  readonly columns: number;
}

/**
 * `values (N, columns), order i32 (N), ids i32 (unique), starts i32 (unique + 1), addend (V, columns) -> out (V,
 * columns)`: out[ids[u]] = addend[ids[u]] + values[order[i]] for i in [starts[u], starts[u + 1]), in that order;
 * other rows stay.
 *
 * ```text
 * tokens      7 3 7 7 3        order   1 4 | 0 2 3      ids  3 7      starts  0 2 5
 * ```
 */
export const scatterAdd: KernelDefinition<"scatter_add", ScatterAddAttributes> =
  {
    name: "scatter_add",
    operands: ({ unique, columns }) => ({
      inputs: [
        { name: "values", shape: [{ free: "N" }, columns] },
        { name: "order", shape: [{ free: "N" }], dtypes: INDEX },
        { name: "ids", shape: [unique], dtypes: INDEX },
        { name: "starts", shape: [{ oneMoreThan: unique }], dtypes: INDEX },
        { name: "addend", shape: [{ free: "V" }, columns] },
      ],
      outputs: [{
        name: "out",
        shape: [{ free: "V" }, columns],
        mustShare: "addend",
      }],
    }),
    operations: ({ unique, columns }, size) => size(unique) * columns * 16,
  };
