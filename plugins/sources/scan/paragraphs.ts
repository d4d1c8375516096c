/**
 * Finds the rows of a text: its paragraphs, or all of it.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { isSpace, type Scanner, type ScannerOptions } from "./lines.ts";

const NEWLINE = 0x0a;

/**
 * A scanner of paragraphs, with blank lines between them; or, with `whole`, of the text from its first to
 * its last line that is not blank. Throws `DataError` for a row above the limit.
 */
export function paragraphScanner(
  { path, index, start, maxRowBytes }: ScannerOptions,
  { whole }: { readonly whole: boolean },
): Scanner {
  let offset = start; // of the next byte
  let line = 1;
  let lineStart = start;
  let blank = true; // the line so far
  let rowStart = -1; // none
  let rowLine = 1;
  let rowEnd = start; // after its last line that is not blank

  function finishLine(end: number): void {
    if (!blank) {
      if (rowStart < 0) {
        rowStart = lineStart;
        rowLine = line;
      }
      rowEnd = end;
    } else if (!whole) finishRow();
    line++;
    lineStart = end + 1;
    blank = true;
  }

  function finishRow(): void {
    if (rowStart >= 0) index.push(rowStart, rowEnd - rowStart, rowLine);
    rowStart = -1;
  }

  return {
    push(bytes) {
      for (const byte of bytes) {
        if (byte === NEWLINE) finishLine(offset);
        else if (blank) blank = isSpace(byte);
        offset++;
        const from = rowStart < 0 ? lineStart : rowStart;
        if ((!blank || rowStart < 0) && offset - from > maxRowBytes) {
          throw new DataError(
            `${path}:${
              rowStart < 0 ? line : rowLine
            }: the text that starts here is longer than ${
              maxRowBytes / 2 ** 20
            } MB; set sample_by to something smaller, or raise max_row_mb (an option of \`source\`)`,
          );
        }
      }
    },
    end() {
      if (offset > lineStart) finishLine(offset);
      finishRow();
    },
    pending: () => rowStart < 0 ? lineStart : rowStart,
    parse: textRow,
  };
}

/** A row of text, with the ending of its last line taken off. */
export function textRow(text: string): { text: string } {
  return { text: text.endsWith("\r") ? text.slice(0, -1) : text };
}
