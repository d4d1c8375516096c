/**
 * The description of a block of scores, which assembled kernels write and machine code reads.
 * @module
 */
import { type Place, RDI } from "./place.ts";

/** Numbers of 8 bytes each that describe a block, in this order; addresses and distances are bytes. */
const NUMBERS = [
  "scores",
  "scoreRow",
  "rows",
  "keys",
  // what the first query sees, and how much later begins what the next one sees
  "high",
  "highStep",
  "low",
  "lowStep",
  // i32 for each key and each query; 0: all are the same
  "keySegments",
  "querySegments",
  // a score is the raw product times this, a float32
  "factor",
  // forward: of the first query
  "maxima",
  "sums",
  "result",
  "resultRow",
  // backward: of the first query
  "slopes",
  "logs",
  "deltas",
  "step",
  // the code's own
  "from",
  "span",
  "correction",
] as const;

/** What is made of a block: see `weights.ts`. */
export type WeightsPass =
  | "forward"
  | "forwardWhole"
  | "backward"
  | "backwardWhole";

/** A number that describes a block. */
export type BlockNumber = typeof NUMBERS[number];

/** Bytes of a block's description. */
export const BLOCK_BYTES = 8 * NUMBERS.length;

/** Bytes from the start of the description to a number. */
export function blockOffset(name: BlockNumber): number {
  return 8 * NUMBERS.indexOf(name);
}

/** A number of the description, as an operand: RDI has its address. */
export function inBlock(name: BlockNumber): Place {
  return { base: RDI, offset: blockOffset(name) };
}
