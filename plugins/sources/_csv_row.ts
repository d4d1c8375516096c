/**
 * The fields of one row of CSV (RFC 4180, and what everybody writes besides).
 * @module
 */
import { RowProblem } from "./_row_problem.ts";

/**
 * The fields of a row, quotes taken off. A quote within a field that does not begin with one is a
 * character like any other. Throws {@linkcode RowProblem}.
 */
export function csvFields(text: string, delimiter: string): string[] {
  const fields: string[] = [];
  for (let at = 0;;) {
    if (text[at] === '"') {
      const { field, end } = quoted(text, at);
      fields.push(field);
      if (end >= text.length) return fields;
      if (text[end] !== delimiter) {
        throw new RowProblem(
          `a quoted field is followed by ${JSON.stringify(text[end])}, not by ${
            JSON.stringify(delimiter)
          } or the end of the row; within a quoted field write a quote as ""`,
          end,
        );
      }
      at = end + 1;
    } else {
      const end = text.indexOf(delimiter, at);
      fields.push(text.slice(at, end < 0 ? text.length : end));
      if (end < 0) return fields;
      at = end + 1;
    }
  }
}

function quoted(
  text: string,
  start: number,
): { field: string; end: number } {
  let from = start + 1;
  let field = "";
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) {
      throw new RowProblem("a quoted field is not closed", start);
    }
    field += text.slice(from, quote);
    if (text[quote + 1] !== '"') return { field, end: quote + 1 };
    field += '"';
    from = quote + 2;
  }
}
