/**
 * The functions of a product's code, and their numbers in the table that the loops call them through.
 * @module
 */
import type { Encoder, Label } from "./encoder.ts";
import { copyFunction, copyPartFunction, turnFunction } from "./pack.ts";
import { type Sources, tileFunction, type TileShape } from "./tile.ts";

/** What the columns of a whole tile can be read from, whatever rows it has; those of a are packed then. */
export const SOURCES_OF_B = ["packed", "columns"] as const;

/** What a whole tile can be read from where a is not packed. */
export const DIRECT = [
  { a: "lines", b: "packed" },
  { a: "lines", b: "columns" },
  { a: "columns", b: "packed" },
  { a: "columns", b: "columns" },
] as const satisfies readonly Sources[];

/** Numbers of functions, from which on those of a kind begin. */
export interface FunctionNumbers {
  /** All columns, of 1 row and more, for each of {@linkcode SOURCES_OF_B}. */
  readonly whole: number;
  /** All columns and rows, for each of {@linkcode DIRECT}. */
  readonly direct: number;
  /** Of 1 row and more; for each of 1 vector and more, the last in part. */
  readonly part: number;
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
  const add = (
    rows: number,
    vectors: number,
    { sources, masked }: { sources: Sources; masked: boolean },
  ) => {
    labels.push(tileFunction(code, shape, { rows, vectors, masked, sources }));
  };
  const whole = labels.length;
  for (const b of SOURCES_OF_B) {
    for (let rows = 1; rows <= shape.rows; rows++) {
      const sources = { a: "packed", b } as const;
      add(rows, shape.vectors, { sources, masked: false });
    }
  }
  const direct = labels.length;
  for (const sources of DIRECT) {
    add(shape.rows, shape.vectors, { sources, masked: false });
  }
  const part = labels.length;
  for (let rows = 1; rows <= shape.rows; rows++) {
    for (let vectors = 1; vectors <= shape.vectors; vectors++) {
      const sources = { a: "packed", b: "packed" } as const;
      add(rows, vectors, { sources, masked: true });
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
  return {
    labels,
    numbers: { whole, direct, part, turn, copyRows, copyColumns, copyPart },
  };
}
