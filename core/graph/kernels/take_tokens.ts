/**
 * Ends a step of decoding: chosen tokens become the next step's.
 * @module
 */
import type { Dim } from "../dims.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";
import { wordsOfBits } from "./sample.ts";

/** Attributes of `take_tokens`. */
export interface TakeTokensAttributes {
  /** Rows of this step. */
  readonly rows: Dim;
  /** Rows of the cache. */
  readonly slots: number;
  /** Steps that the ring holds. */
  readonly ring: number;
  /** Places of a row of the cache. */
  readonly capacity: number;
  /** The vocabulary. */
  readonly columns: number;
}

/**
 * `chosen i32 (rows), index i32 (rows), tokens i32 (slots), places i32 (slots), ring i32 (ring, slots), seen i32
 * (slots, ceil(columns / 32)) -> tokens, places, ring, seen`. For each row r, with next = places[r] + 1: tokens[r] =
 * chosen[r]; places[r] = min(next, capacity - 1); ring[next mod ring, r] = chosen[r]; bit chosen[r] % 32 of
 * seen[index[r], chosen[r] / 32] is set.
 */
export const takeTokens: KernelDefinition<"take_tokens", TakeTokensAttributes> =
  {
    name: "take_tokens",
    operands({ rows, slots, ring, columns }) {
      // of tokens and places, only the first rows count
      const state = [
        { name: "tokens", shape: [rows], dtypes: INDEX, atLeast: true },
        { name: "places", shape: [rows], dtypes: INDEX, atLeast: true },
        { name: "ring", shape: [ring, slots], dtypes: INDEX },
        { name: "seen", shape: [slots, wordsOfBits(columns)], dtypes: INDEX },
      ] as const;
      return {
        inputs: [
          { name: "chosen", shape: [rows], dtypes: INDEX },
          { name: "index", shape: [rows], dtypes: INDEX },
          ...state,
        ],
        outputs: state.map((operand) => ({
          ...operand,
          mustShare: operand.name,
        })),
      };
    },
    operations: ({ rows }, size) => size(rows) * 4,
  };
