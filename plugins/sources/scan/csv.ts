/**
 * Finds the rows of a CSV file: a line break within quotes does not end a row.
 *
 * ```text
 * name,text\r\n            the header: names of the columns
 * a,"two\nlines, ""so"""   one row
 * ```
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { csvFields } from "../_csv_row.ts";
import { RowProblem } from "../_row_problem.ts";
import type { Scanner, ScannerOptions } from "./lines.ts";

const QUOTE = 0x22, NEWLINE = 0x0a, RETURN = 0x0d;
const MAX_HEADER = 65_536;

/** Where the scanner is: at the start of a field, in one without or with quotes, after the closing quote. */
type State = "start" | "plain" | "quoted" | "closed";

/**
 * A scanner of rows, whose values are objects of texts by column. `delimiter` null: a tab in `.tsv` files,
 * else a comma, or the semicolon, tab or bar that a header without commas has. Throws `DataError`.
 */
export function csvScanner(
  options: ScannerOptions & {
    readonly head: Uint8Array;
    readonly delimiter: string | null;
  },
): Scanner {
  const { path, index, maxRowBytes } = options;
  const delimiter = options.delimiter ?? delimiterOf(path, options.head);
  const comma = delimiter.charCodeAt(0);
  let offset = options.start; // of the next byte
  let line = 1;
  let rowStart = offset;
  let rowLine = 1;
  let state: State = "start";
  let last = 0; // the byte before
  let columns: string[] | null = null;
  let header: number[] = [];

  function finish(end: number): void {
    const length = end - rowStart;
    const isBlank = length === 0;
    if (columns === null) {
      if (isBlank) return;
      columns = columnsOf(new Uint8Array(header), {
        path,
        line: rowLine,
        delimiter,
      });
      header = [];
    } else if (!isBlank) index.push(rowStart, length, rowLine);
  }

  function byteIn(byte: number, at: number): void {
    if (state === "quoted") {
      if (byte === QUOTE) state = "closed";
      else if (byte === NEWLINE) line++;
    } else if (byte === NEWLINE) {
      finish(last === RETURN ? at - 1 : at);
      line++;
      rowStart = at + 1;
      rowLine = line;
      state = "start";
    } else if (byte === QUOTE && state !== "plain") {
      state = "quoted"; // opened, or a doubled quote
    } else state = byte === comma ? "start" : "plain";
    last = byte;
  }

  return {
    push(bytes) {
      for (const byte of bytes) {
        if (columns === null) {
          if (header.length >= MAX_HEADER) {
            throw new DataError(
              `${path}:${rowLine}: the header is longer than ${MAX_HEADER} bytes; is it CSV, with the names of the columns in its first row?`,
            );
          }
          if (byte === NEWLINE && state !== "quoted" && header.length === 0) {
            // a blank line before the header
          } else header.push(byte);
        }
        byteIn(byte, offset++);
        if (columns === null && rowStart === offset) header = [];
        if (offset - rowStart > maxRowBytes) {
          throw new DataError(
            `${path}:${rowLine}: the row that starts here is longer than ${
              maxRowBytes / 2 ** 20
            } MB; a closing quote may be missing, else raise max_row_mb (an option of \`source\`)`,
          );
        }
      }
    },
    end() {
      if (state === "quoted") {
        throw new DataError(
          `${path}:${rowLine}: the file ends within the quotes of the row that starts here; a closing quote is missing, or the file was cut`,
        );
      }
      if (offset > rowStart) finish(last === RETURN ? offset - 1 : offset);
    },
    pending: () => rowStart,
    parse(text) {
      return rowOf(csvFields(text, delimiter), columns ?? []);
    },
  };
}

function rowOf(
  fields: readonly string[],
  columns: readonly string[],
): Record<string, string> {
  if (fields.length !== columns.length) {
    throw new RowProblem(
      `the row has ${fields.length} fields, the header ${columns.length} (${
        columns.join(", ")
      }); put fields that hold the delimiter or line breaks in quotes`,
      0,
    );
  }
  return Object.fromEntries(columns.map((name, i) => [name, fields[i]]));
}

function columnsOf(
  bytes: Uint8Array,
  { path, line, delimiter }: { path: string; line: number; delimiter: string },
): string[] {
  const fail = (what: string): never => {
    throw new DataError(`${path}:${line}: the header ${what}`);
  };
  let fields: string[];
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    fields = csvFields(text.replace(/\r?\n?$/, ""), delimiter);
  } catch (error) {
    return fail(
      error instanceof RowProblem
        ? `cannot be read: ${error.message}`
        : "is not valid UTF-8; convert the file: iconv -f LATIN1 -t UTF-8 in > out (if it is Latin-1)",
    );
  }
  // as other tools name an index that was saved without a name
  const columns = fields.map((name, i) => name === "" ? `Unnamed: ${i}` : name);
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) {
    fail(`names the column ${JSON.stringify(twice)} twice; rename one of them`);
  }
  return columns;
}

function delimiterOf(path: string, head: Uint8Array): string {
  if (/\.tsv(\.\w+)?$/i.test(path)) return "\t";
  const text = new TextDecoder().decode(head.subarray(0, MAX_HEADER));
  const header = text.trimStart().split("\n", 1)[0].replace(/"[^"]*"/g, "");
  if (header.includes(",")) return ",";
  return [";", "\t", "|"].find((c) => header.includes(c)) ?? ",";
}
