/**
 * The first rows of a table, as lines for a terminal. Columns share the width: those that need less than their
 * part leave it to the others.
 * @module
 */
import type { Json } from "../contracts/json.ts";

/** Rows that are shown; the file has all. */
const SHOWN = 5;
/** Places between two columns. */
const GAP = 2;

/** A head, the first rows, and how many more there are. */
export function tableLines(
  records: readonly Readonly<Record<string, Json>>[],
  width: number,
): string[] {
  const [first] = records;
  if (first === undefined) return [];
  const names = Object.keys(first);
  const rows = records.slice(0, SHOWN).map((record) =>
    names.map((name) => cell(record[name]))
  );
  const needed = names.map((name, i) =>
    Math.max(...[name, ...rows.map((row) => row[i])].map((t) => [...t].length))
  );
  const widths = shared(needed, width - GAP * (names.length - 1));
  const line = (cells: readonly string[]) =>
    cells.map((text, i) => oneLine(text, widths[i]).padEnd(widths[i]))
      .join(" ".repeat(GAP)).trimEnd();
  const more = records.length - rows.length;
  return [
    line(names),
    ...rows.map(line),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

function cell(value: Json | undefined): string {
  if (value === undefined || value === null) return "-";
  if (typeof value === "number") {
    return Number.isInteger(value) ? String(value) : measure(value);
  }
  return oneLine(
    typeof value === "string" ? value : JSON.stringify(value),
    1000,
  );
}

/** Widths that together are at most `total`: the narrow ones first, the rest in equal parts. */
function shared(needed: readonly number[], total: number): number[] {
  const widths = needed.map(() => 0);
  let left = total;
  const order = [...needed.keys()].sort((a, b) => needed[a] - needed[b]);
  order.forEach((column, i) => {
    const part = Math.max(4, Math.floor(left / (order.length - i)));
    widths[column] = Math.min(needed[column], part);
    left -= widths[column];
  });
  return widths;
}

/** A loss or another measure: four digits, `-` where there is none. */
export function measure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return "-";
  }
  return Math.abs(value) >= 1000 ? value.toExponential(3) : value.toFixed(4);
}

/** A text on one line, cut to `width` characters. Control characters, which could move the cursor, are shown as dots. */
export function oneLine(text: string, width: number): string {
  const flat = visible(text).replaceAll(/\s+/g, " ").trim();
  const characters = [...flat];
  return characters.length <= width
    ? flat
    : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/**
 * A text without control characters but line breaks and tabs, and without marks of direction: what a model writes
 * may hold any. Each is shown as a dot.
 */
export function visible(text: string): string {
  return text.replaceAll(
    // deno-lint-ignore no-control-regex -- control characters are what this is about
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    "·",
  );
}
