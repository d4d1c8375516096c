/**
 * Several answers to one message, side by side.
 *
 * ```text
 * base                  run1
 * The capital of        Paris.
 * France is Paris.
 * ```
 * @module
 */
import { columnsOf, cutColumns, type Output } from "@denotune/denotune/core";
import type { Screen } from "./markdown.ts";

/** Columns of text below which answers are written one below the other. */
const LEAST_COLUMNS = 32;
/** Between two answers. */
const GAP = "  ";

/** Columns that each of some answers gets; null: they do not fit side by side. */
export function columnWidth(count: number, output: Output): number | null {
  const width = Math.floor((output.width - 1 + GAP.length) / count) -
    GAP.length;
  return width >= LEAST_COLUMNS ? width : null;
}

/** A screen that keeps what is written. */
export function keptScreen(
  output: Output,
  width: number,
): Screen & { readonly text: () => string } {
  let text = "";
  return {
    width: width + 1, // a writer leaves the last column free
    color: output.color,
    style: (style, of) => output.style(style, of),
    write: (more) => void (text += more),
    text: () => text,
  };
}

/** Texts beside each other, each under its name. */
export function besideEachOther(
  answers: readonly { readonly name: string; readonly text: string }[],
  { width, output }: { readonly width: number; readonly output: Output },
): string {
  const columns = answers.map(({ name, text }) => [
    output.style("bold", cut(name, width)),
    ...text.trimEnd().split("\n"),
  ]);
  const height = Math.max(...columns.map(({ length }) => length));
  return Array.from({ length: height }, (_, row) =>
    columns.map((lines, i) => {
      const line = cut(lines[row] ?? "", width);
      return i === columns.length - 1
        ? line
        : line + " ".repeat(Math.max(0, width - columnsOf(line)));
    }).join(GAP).trimEnd()).join("\n");
}

function cut(line: string, width: number): string {
  return columnsOf(line) <= width ? line : cutColumns(line, width);
}
