/**
 * The gradient of an embedding changes last in the rows of the tokens that were read: few of many. Ranks add up its
 * other rows while the backward pass still computes, and these rows when it has ended.
 *
 * ```text
 * a tied head      |- head: all rows -|------ layers ------|- embedding: rows of tokens -|
 * sums                                |-- all rows --|                                   |- rows of tokens -|
 * an embedding alone: the other rows are zero on all ranks, and never sent
 * ```
 * @module
 */
import type { Inputs } from "../../contracts/objective.ts";
import type { GradientSlice } from "./gradient_pieces.ts";

/** Rows of tokens count as few up to this share: the rows of a tied head are sent twice. */
const FEW = 1 / 8;

/** The distinct tokens of a step, ascending; the same on all ranks, which all lay out the whole step. */
export function tokensOf(micro: readonly Inputs[]): Int32Array {
  const found = new Set<number>();
  for (const { tokens } of micro) for (const token of tokens) found.add(token);
  return Int32Array.from(found).sort();
}

/** Whether the rows of so many tokens are few of a slice. */
export function areFew(
  tokens: Int32Array,
  { count }: GradientSlice,
  columns: number,
): boolean {
  return tokens.length * columns <= FEW * count;
}

/** The rows of tokens, one behind the other. */
export function takeRows(
  values: Float32Array,
  { tokens, columns }: {
    readonly tokens: Int32Array;
    readonly columns: number;
  },
): Float32Array {
  const rows = new Float32Array(tokens.length * columns);
  tokens.forEach((token, i) => {
    const at = token * columns;
    rows.set(values.subarray(at, at + columns), i * columns);
  });
  return rows;
}

/** Writes rows back to their tokens. */
export function putRows(
  values: Float32Array,
  rows: Float32Array,
  { tokens, columns }: {
    readonly tokens: Int32Array;
    readonly columns: number;
  },
): void {
  tokens.forEach((token, i) =>
    values.set(rows.subarray(i * columns, (i + 1) * columns), token * columns)
  );
}
