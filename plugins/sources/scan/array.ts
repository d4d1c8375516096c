/**
 * Finds the rows of one JSON array, byte by byte, without parsing them.
 *
 * ```text
 * [ {"a": "x]"}, {"a": [1, 2]} ]
 *   ^---------^  ^----------^     rows: elements at depth 1; brackets within strings do not count
 * ```
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { isSpace, type Scanner, type ScannerOptions } from "./lines.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, NEWLINE = 0x0a;
const OPEN_LIST = 0x5b,
  CLOSE_LIST = 0x5d,
  OPEN_OBJECT = 0x7b,
  CLOSE_OBJECT = 0x7d;

/** Where the scanner is: before `[`, where a row must or may start, within a row, after one, after `]`. */
type State = "before" | "first" | "row" | "after-row" | "next" | "done";

/** A scanner of an array's elements. Throws `DataError` with the line for whatever is not an array of rows. */
export function arrayScanner(options: ScannerOptions): Scanner {
  const { path, index, maxRowBytes, maxDepth } = options;
  let offset = options.start; // of the next byte
  let line = 1;
  let state: State = "before";
  let rowStart = 0;
  let rowLine = 1;
  let rowEnd = 0; // after the last byte that is not white space
  let inString = false;
  let escaped = false;
  let depth = 0; // within the row
  const open = new Uint8Array(maxDepth + 1); // brackets that are open within the row

  function fail(what: string, at = line): never {
    throw new DataError(`${path}:${at}: ${what}`);
  }

  function checkLength(end: number): void {
    if (end - rowStart > maxRowBytes) {
      fail(
        `the row that starts here is longer than ${
          maxRowBytes / 2 ** 20
        } MB; a quote or bracket may be missing, else raise max_row_mb (an option of \`source\`)`,
        rowLine,
      );
    }
  }

  function finishRow(): void {
    index.push(rowStart, rowEnd - rowStart, rowLine);
  }

  function inRow(byte: number, at: number): void {
    if (depth === 0 && (byte === COMMA || byte === CLOSE_LIST)) {
      finishRow();
      state = byte === COMMA ? "next" : "done";
      return;
    }
    if (isSpace(byte)) return;
    rowEnd = at + 1;
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (depth >= maxDepth) {
        fail(
          `lists and objects are nested more than ${maxDepth} deep; flatten the row, or raise max_depth (an option of \`source\`)`,
        );
      }
      open[depth++] = byte;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      const expected = depth === 0
        ? 0
        : open[depth - 1] === OPEN_LIST
        ? CLOSE_LIST
        : CLOSE_OBJECT;
      if (byte !== expected) {
        fail(
          `found "${String.fromCharCode(byte)}" where ${
            expected === 0
              ? '"," or the end of the list'
              : `"${String.fromCharCode(expected)}"`
          } must stand (the row starts on line ${rowLine})`,
        );
      }
      if (--depth === 0) state = "after-row";
    }
  }

  function startRow(byte: number, at: number): void {
    if (byte === COMMA) {
      fail('found "," where a row must stand; remove one comma');
    }
    state = "row";
    rowStart = at;
    rowLine = line;
    depth = 0;
    inRow(byte, at);
  }

  function outside(byte: number, at: number): void {
    switch (state) {
      case "before":
        if (byte !== OPEN_LIST) {
          fail(
            `found "${
              String.fromCharCode(byte)
            }" where the list of rows must start with "["`,
          );
        }
        state = "first";
        return;
      case "first":
      case "next":
        if (byte !== CLOSE_LIST) return startRow(byte, at);
        if (state === "next") {
          fail('found "]" after a comma; remove the comma after the last row');
        }
        state = "done";
        return;
      case "after-row":
        if (byte === COMMA || byte === CLOSE_LIST) {
          finishRow();
          state = byte === COMMA ? "next" : "done";
          return;
        }
        return fail(
          `found "${printable(byte)}" after a row where "," or "]" must stand`,
        );
      default:
        fail(
          `found "${
            printable(byte)
          }" after the end of the list; one file holds one list (is it JSON Lines?)`,
        );
    }
  }

  return {
    push(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i];
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) {
            inString = false;
            rowEnd = offset + i + 1;
          } else if (byte === NEWLINE) {
            fail(
              `a string is not closed on its line (the row starts on line ${rowLine})`,
            );
          }
        } else {
          if (byte === NEWLINE) line++;
          if (state === "row") inRow(byte, offset + i);
          else if (!isSpace(byte)) outside(byte, offset + i);
        }
      }
      offset += bytes.length;
      if (state === "row") checkLength(offset);
    },
    end() {
      if (state === "done") return;
      if (state === "before") {
        fail('the file is blank; expected a list of rows: [{"..."}, ...]');
      }
      fail(
        state === "row"
          ? `the file ends inside the row that starts on line ${rowLine}; was it cut off?`
          : 'the file ends before the closing "]"; was it cut off?',
      );
    },
    pending: () => state === "row" || state === "after-row" ? rowStart : offset,
  };
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f
    ? String.fromCharCode(byte)
    : `byte 0x${byte.toString(16).padStart(2, "0")}`;
}
