/**
 * The functions of a product's code, and their numbers in the table that the loops call them through.
 * @module
 */
import type { Encoder, Label } from "./encoder.ts";
import { copyFunction, copyPartFunction, turnFunction } from "./pack.ts";
import { tileFunction, type TileShape } from "./tile.ts";

/** Numbers of functions, from which on those of a kind begin. */
export interface FunctionNumbers {
  /** Of 1 row and more; for each of 1 vector and more; for each whole, then masked. */
  readonly tiles: number;
  /** Of 1 line and more. */
  readonly turn: number;
  /** A tile's rows. */
  readonly copyRows: number;
  /** A tile's columns. */
  readonly copyColumns: number;
  /** Of 1 vector and more, the last in part. */
  readonly copyPart: number;
}

/** Puts them all into the code. */
export function addFunctions(
  code: Encoder,
  shape: TileShape,
): { labels: readonly Label[]; numbers: FunctionNumbers } {
  const { width } = shape;
  const lanes = width / 32;
  const labels: Label[] = [];
  const tiles = labels.length;
  for (let rows = 1; rows <= shape.rows; rows++) {
    for (let vectors = 1; vectors <= shape.vectors; vectors++) {
      for (const masked of [false, true]) {
        labels.push(tileFunction(code, shape, { rows, vectors, masked }));
      }
    }
  }
  const turn = labels.length;
  for (let lines = 1; lines <= lanes; lines++) {
    labels.push(turnFunction(code, width, lines));
  }
  const copyRows = labels.push(copyFunction(code, width, shape.rows)) - 1;
  const copyColumns =
    labels.push(copyFunction(code, width, shape.vectors * lanes)) - 1;
  const copyPart = labels.length;
  for (let vectors = 1; vectors <= shape.vectors; vectors++) {
    labels.push(copyPartFunction(code, width, vectors));
  }
  return { labels, numbers: { tiles, turn, copyRows, copyColumns, copyPart } };
}
