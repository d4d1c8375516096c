/**
 * The memory that a product's code works in besides its matrices: arguments, the loops' own numbers, packed parts.
 * RDI has its address throughout.
 * @module
 */
import { type Place, RDI } from "./place.ts";

/** Numbers of 8 bytes each, in this order. Distances of rows are bytes here. */
const NUMBERS = [
  // arguments
  "a",
  "aRow",
  "b",
  "bRow",
  "c",
  "cRow",
  "m",
  "n",
  "k",
  "alpha", // float32
  "bias", // a number for each column; 0: none
  "flags",
  "whole", // functions before that of a whole tile of one row, less one
  "direct", // number of that of a whole tile that reads a as it is
  // where things are
  "functions", // addresses, of 8 bytes each
  "packedA",
  "packedB",
  // the loops' own
  "column", // first column of the block
  "columns", // columns of the block
  "term", // first term of the block
  "terms", // terms of the block
  "row", // first row of the tiles
  "rows", // rows of the tiles
  "aAt", // where the tiles read their rows of a
  "bAt", // and the first panel of b
  "panelBytes", // from a panel to the next
  "panel", // first column of a panel, in the block
  "from", // where the next columns of b are
  "to", // and where they are packed
  "left", // columns of the panel that are still to be packed
  "tile", // number of the function of a tile with all columns
  "biasAt", // of the panel's first column
  "adds", // what the tile is added to: see ADDS
  "mask", // a bit for each lane of the last vector (AVX-512)
] as const;

/** A number in the frame. */
export type FrameNumber = typeof NUMBERS[number];

/** Bits of `flags`. */
export const FLAGS = {
  transposeA: 1,
  transposeB: 2,
  accumulate: 4,
  /** Tiles read b as it is: all their columns are whole then. */
  directB: 8,
} as const;

/** What a tile is added to. */
export const ADDS = { nothing: 0, c: 1, bias: 2 } as const;

const BYTES_OF_NUMBERS = 64 * Math.ceil(NUMBERS.length / 8); // whole lines of the cache
/** A lane of all ones for each lane of the last vector (AVX2). */
const LANES_AT = BYTES_OF_NUMBERS;
/** Eight lanes of ones, then eight of zeros: read at a distance, they are a mask of 1 to 8 lanes. */
const ONES_AT = LANES_AT + 32;

/** Bytes before the packed parts. */
export const FRAME_BYTES = ONES_AT + 64;

/** Bytes from the frame's start to a number. */
export function offsetOf(name: FrameNumber): number {
  return 8 * NUMBERS.indexOf(name);
}

/** A number of the frame, as an operand. */
export function inFrame(name: FrameNumber): Place {
  return { base: RDI, offset: offsetOf(name) };
}

/** The mask of lanes for AVX2. */
export const LANES: Place = { base: RDI, offset: LANES_AT };
/** Behind the eight lanes of ones. */
export const BEHIND_ONES: Place = { base: RDI, offset: ONES_AT + 32 };

/** Writes what code expects to find: the ones that masks are read from. */
export function prepareFrame(bytes: DataView): void {
  for (let lane = 0; lane < 8; lane++) {
    bytes.setInt32(ONES_AT + 4 * lane, -1, true);
    bytes.setInt32(ONES_AT + 32 + 4 * lane, 0, true);
  }
}
