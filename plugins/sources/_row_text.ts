/**
 * From the bytes of a row to its value, with the line and column of what is wrong.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { invalidUtf8At } from "./_encoding.ts";
import { RowProblem } from "./_row_problem.ts";

/** Where a row's text begins. */
export interface RowPlace {
  /** How errors name the file. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A decoder for {@linkcode decodeRow}. */
export function rowDecoder(): TextDecoder {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
}

/** The text of a row. Throws `DataError` for what is not UTF-8. */
export function decodeRow(
  bytes: Uint8Array,
  decoder: TextDecoder,
  { path, line }: RowPlace,
): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    const at = invalidUtf8At(bytes);
    const byte = bytes[at].toString(16).padStart(2, "0");
    throw new DataError(
      `${path}:${
        line + count(bytes.subarray(0, at), 0x0a)
      }: byte 0x${byte} is not valid UTF-8; convert the file: iconv -f LATIN1 -t UTF-8 in > out (if it is Latin-1)`,
      { cause },
    );
  }
}

/** What `parse` makes of a row's text. A `RowProblem` of it becomes a `DataError` with its place. */
export function parseRow<T>(
  text: string,
  parse: (text: string) => T,
  { path, line }: RowPlace,
): T {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof RowProblem)) throw cause;
    const before = text.slice(0, cause.offset);
    const lines = before.split("\n");
    const column = lines[lines.length - 1].length + 1;
    throw new DataError(
      `${path}:${
        line + lines.length - 1
      }: ${cause.message} (column ${column}: ${excerpt(text, cause.offset)})`,
      { cause },
    );
  }
}

function count(bytes: Uint8Array, byte: number): number {
  let n = 0;
  for (const b of bytes) if (b === byte) n++;
  return n;
}

/** A few characters around a place, on one line. */
function excerpt(text: string, offset: number): string {
  if (offset >= text.length) return "at its end";
  const from = Math.max(0, offset - 12);
  const cut = text.slice(from, offset + 12).replace(/\s+/g, " ");
  return `near ${JSON.stringify(cut.toWellFormed())}`;
}
