/**
 * Writes a row of a ring.
 * @module
 */
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `write_row`. */
export interface WriteRowAttributes {
  /** Rows of the ring. */
  readonly slots: number;
  /** Width of a row. */
  readonly columns: number;
}

/** `ring (slots, columns), row (columns), index i32 (1) -> ring`: ring[index mod slots] = row. */
export const writeRow: KernelDefinition<"write_row", WriteRowAttributes> = {
  name: "write_row",
  operands: ({ slots, columns }) => ({
    inputs: [
      { name: "ring", shape: [slots, columns] },
      { name: "row", shape: [columns] },
      { name: "index", shape: [1], dtypes: INDEX },
    ],
    outputs: [{ name: "ring", shape: [slots, columns], mustShare: "ring" }],
  }),
  operations: ({ columns }) => columns,
};
