/**
 * Rotary position embedding (arXiv:2104.09864), in Hugging Face's half-split layout.
 * @module
 */
import type { Dim } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `rope`. */
export interface RopeAttributes {
  /** Rows of x. */
  readonly rows: Dim;
  /** Heads of a row. */
  readonly heads: number;
  /** Width of a head. */
  readonly headDim: number;
  /** How many elements of each head are turned: even. The rest is copied. */
  readonly rotary: number;
  /** Whether to turn back. */
  readonly inverse: boolean;
}

/**
 * `x (rows, heads * headDim), positions i32 (rows), table (P, rotary) -> out`: turns the pairs (i, i + rotary / 2)
 * of each head, for i < rotary / 2. Row p of the table has cos for each i, then sin.
 */
export const rope: KernelDefinition<"rope", RopeAttributes> = {
  name: "rope",
  operands({ rows, heads, headDim, rotary }) {
    if (rotary % 2 !== 0 || rotary > headDim || rotary <= 0) {
      throw new RangeError(
        `rotary is ${rotary}: must be even, positive and at most the head's ${headDim}`,
      );
    }
    return {
      inputs: [
        { name: "x", shape: [rows, heads * headDim] },
        { name: "positions", shape: [rows], dtypes: INDEX },
        { name: "table", shape: [{ free: "P" }, rotary] },
      ],
      outputs: [{
        name: "out",
        shape: [rows, heads * headDim],
        mayShare: ["x"],
      }],
    };
  },
  operations: ({ rows, heads, headDim }, size) =>
    size(rows) * heads * headDim * 4,
};
