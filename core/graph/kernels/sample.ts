/**
 * Chooses a token for each row.
 * @module
 */
import type { Dim } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `sample`. */
export interface SampleAttributes {
  /** Rows of logits. */
  readonly rows: Dim;
  /** The vocabulary. */
  readonly columns: number;
  /** Rows of what has been seen. */
  readonly slots: number;
}

/** Words of 32 bits that hold a bit for each of so many columns. */
export function wordsOfBits(columns: number): number {
  return Math.ceil(columns / 32);
}

/**
 * `logits (rows, columns), options (rows, 4), keys i32 (rows), places i32 (rows), index i32 (rows), seen i32 (slots,
 * ceil(columns / 32)) -> out i32 (rows)`: a column of each row, drawn as its options say: temperature, k (0: all), p
 * and penalty.
 *
 * 1. Where the penalty is not 1 and bit c % 32 of seen[index[r], c / 32] is set, a positive logit is divided by it,
 *    any other multiplied.
 * 2. At temperature 0: the first largest.
 * 3. Else, in the order of falling logits (equal ones by column), the first k stay, and of those the fewest that
 *    have p of their sum of exp(logit / temperature).
 * 4. Among them the first largest of logit / temperature + `gumbelAt(keys[r], places[r], c)` of `core/random.ts`:
 *    each is drawn with its share of the sum (the Gumbel-max trick).
 */
export const sample: KernelDefinition<"sample", SampleAttributes> = {
  name: "sample",
  operands: ({ rows, columns, slots }) => ({
    inputs: [
      { name: "logits", shape: [rows, columns] },
      { name: "options", shape: [rows, 4] },
      { name: "keys", shape: [rows], dtypes: INDEX },
      { name: "places", shape: [rows], dtypes: INDEX },
      { name: "index", shape: [rows], dtypes: INDEX },
      { name: "seen", shape: [slots, wordsOfBits(columns)], dtypes: INDEX },
    ],
    outputs: [{ name: "out", shape: [rows], dtypes: INDEX }],
  }),
  operations: ({ rows, columns }, size) => size(rows) * columns * 64,
};
