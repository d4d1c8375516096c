/**
 * What `split` may say: `train`, `train[:1000]`, `train[10%:20%]`, `train[-5%:]`, `train+test`, `all`.
 * @module
 */
import { DataError } from "../../../contracts/errors.ts";

/** A bound of a slice: a row, or a share of the rows in percent. Negative: from the end. */
export interface SliceBound {
  /** Rows or percent, whole. */
  readonly value: number;
  /** What `value` counts. */
  readonly unit: "row" | "%";
}

/** Part of a split. Null: from its first row, to its last. */
export interface SplitSlice {
  /** First row. */
  readonly from: SliceBound | null;
  /** The row after the last. */
  readonly to: SliceBound | null;
  /** As written, for errors. */
  readonly text: string;
}

/** One term of a `split`. */
export interface SplitTerm {
  readonly split: string;
  readonly slice: SplitSlice | null;
}

const TERM =
  /^([\w.-]+)(?:\[\s*(-?[\d_]+)?(%)?\s*:\s*(-?[\d_]+)?(%)?\s*\])?(?:\(closest\))?$/;

/** The terms of a `split`. Throws `DataError` that shows what may be written. */
export function parseSplit(text: string): SplitTerm[] {
  return text.split("+").map((written) => {
    const term = written.trim();
    const match = TERM.exec(term);
    const isWrong = match === null ||
      (match[3] !== undefined && match[2] === undefined) ||
      (match[5] !== undefined && match[4] === undefined) ||
      (match[2] !== undefined && match[4] !== undefined &&
        match[3] !== match[5]);
    if (isWrong) {
      throw new DataError(
        `\`split\` is ${
          JSON.stringify(text)
        }; expected a split's name, a slice such as train[:1000] or train[10%:20%], or several joined by +`,
      );
    }
    if (!term.includes("[")) return { split: match[1], slice: null };
    const from = bound(match[2], match[3]);
    const to = bound(match[4], match[5]);
    for (const b of [from, to]) {
      if (b !== null && b.unit === "%" && Math.abs(b.value) > 100) {
        throw new DataError(
          `\`split\` is ${
            JSON.stringify(text)
          }; percents are between -100 and 100`,
        );
      }
    }
    return { split: match[1], slice: { from, to, text: term } };
  });
}

function bound(
  digits: string | undefined,
  percent: string | undefined,
): SliceBound | null {
  if (digits === undefined) return null;
  return {
    value: Number(digits.replaceAll("_", "")),
    unit: percent === undefined ? "row" : "%",
  };
}

/**
 * First row and the row after the last of a slice of `length` rows. Percents are rounded to the nearest
 * row, halves to the even one, as the Hub's own tools do. Throws `DataError` where it asks for more.
 */
export function rowsOf(
  slice: SplitSlice,
  length: number,
): { from: number; to: number } {
  const rowOf = (b: SliceBound | null, otherwise: number): number => {
    if (b === null) return otherwise;
    const row = b.unit === "row"
      ? b.value
      : roundHalfEven(b.value * length / 100);
    return b.value < 0 ? Math.max(length + row, 0) : row;
  };
  const from = rowOf(slice.from, 0);
  const to = rowOf(slice.to, length);
  if (from > length || to > length) {
    throw new DataError(
      `\`split\` asks for ${slice.text}, but there are only ${length} rows; take fewer, or leave the end open`,
    );
  }
  return { from, to: Math.max(from, to) };
}

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}
