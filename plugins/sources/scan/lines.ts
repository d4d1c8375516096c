/**
 * Finds the rows of a JSON Lines file: every line that is not blank.
 * @module
 */
import { DataError } from "@denotune/denotune/core";

/** Receives the places of rows: an index, or a reader that passes over the file once. */
export interface RowSink {
  /** The next row: bytes from the start of the file, and its line, counted from 1. */
  push(start: number, byteLength: number, line: number): void;
}

/** Takes a file piece by piece; `end` is called once after the last. */
export interface Scanner {
  /** Takes the next bytes. */
  push(bytes: Uint8Array): void;
  /** Says that the file is at its end. */
  end(): void;
  /** Offset from which bytes may belong to a row that is not pushed yet. */
  pending(): number;
  /** The value of a row's text; JSON where absent. Throws `RowProblem` for what is no row. */
  parse?(text: string): unknown;
}

/** What a scanner is made with. */
export interface ScannerOptions {
  /** How errors name the file. */
  readonly path: string;
  readonly index: RowSink;
  /** Offset of the first byte that is pushed. */
  readonly start: number;
  readonly maxRowBytes: number;
  readonly maxDepth: number;
}

const NEWLINE = 0x0a;

/** A scanner of lines. Throws `DataError` for a line above the limit. */
export function lineScanner(options: ScannerOptions): Scanner {
  const { path, index, maxRowBytes } = options;
  let offset = options.start; // of the next byte
  let line = 1;
  let lineStart = offset;
  let blank = true;

  function finish(end: number): void {
    if (!blank) index.push(lineStart, end - lineStart, line);
    line++;
    lineStart = end + 1;
    blank = true;
  }

  function checkLength(end: number): void {
    if (end - lineStart > maxRowBytes) {
      throw new DataError(
        `${path}:${line}: the line is longer than ${
          maxRowBytes / 2 ** 20
        } MB; is it JSON Lines, one row a line? ` +
          `If so, raise max_row_mb (an option of \`source\`)`,
      );
    }
  }

  return {
    push(bytes) {
      let at = 0;
      while (at < bytes.length) {
        const newline = bytes.indexOf(NEWLINE, at);
        const end = newline === -1 ? bytes.length : newline;
        for (let i = at; blank && i < end; i++) blank = isSpace(bytes[i]);
        checkLength(offset + end);
        if (newline === -1) break;
        finish(offset + newline);
        at = newline + 1;
      }
      offset += bytes.length;
    },
    end() {
      if (offset > lineStart) finish(offset);
    },
    pending: () => lineStart,
  };
}

/** JSON's white space. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
