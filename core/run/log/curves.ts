/**
 * Curves as they are drawn: smoothed, and with as many points as a screen shows. Of each stretch of steps the lowest and
 * the highest point are kept, so that no spike is lost.
 * @module
 */
import type { NumberList } from "../../data/number_list.ts";

/** Which points of a curve are wanted. */
export interface CurveRange {
  /** First step; absent: the first there is. */
  readonly from?: number;
  /** Last step; absent: the last there is. */
  readonly to?: number;
  /** Stretches of steps, two points each at most. */
  readonly buckets: number;
}

/** Figures over steps, all of one length; null: there is none. */
export interface Curves {
  /** Optimizer steps, ascending. */
  readonly steps: number[];
  /** The figures of each column. */
  readonly columns: (number | null)[][];
}

/**
 * The exponential average of a column, of weight `w` for what came before: `s = w s + (1 - w) x`, divided by
 * `1 - w^n`, so that it does not start at 0 (Adam's correction). NaN is passed over.
 */
export function smoothed(column: NumberList, w: number): Float64Array {
  const out = new Float64Array(column.length);
  let sum = 0;
  let weight = 0;
  for (let i = 0; i < column.length; i++) {
    const x = column.at(i);
    if (!Number.isNaN(x)) {
      sum = w * sum + (1 - w) * x;
      weight = w * weight + (1 - w);
    }
    out[i] = weight > 0 ? sum / weight : NaN;
  }
  return out;
}

/** Columns over the same steps with fewer points: of each bucket the lowest and the highest of each column. */
export function thinned(
  steps: NumberList,
  columns: readonly { at(index: number): number | undefined }[],
  { from = -Infinity, to = Infinity, buckets }: CurveRange,
): Curves {
  // one point beyond either end, so that the line runs to the border
  const first = Math.max(0, lowerBound(steps, from) - 1);
  const last = Math.min(steps.length, lowerBound(steps, to) + 2);
  const count = last - first;
  const kept: number[] = [];
  if (count <= 2 * buckets) {
    for (let i = first; i < last; i++) kept.push(i);
  } else {
    for (let b = 0; b < buckets; b++) {
      const start = first + Math.floor(b * count / buckets);
      const end = first + Math.floor((b + 1) * count / buckets);
      kept.push(...extremes(columns, start, end));
    }
    if (kept[kept.length - 1] !== last - 1) kept.push(last - 1);
  }
  return {
    steps: kept.map((i) => steps.at(i)),
    columns: columns.map((column) =>
      kept.map((i) => {
        const value = column.at(i) ?? NaN;
        return Number.isNaN(value) ? null : value;
      })
    ),
  };
}

/** Indices of the lowest and the highest figure of each column in [start, end), ascending. */
function extremes(
  columns: readonly { at(index: number): number | undefined }[],
  start: number,
  end: number,
): number[] {
  const found = new Set<number>();
  for (const column of columns) {
    let low = -1;
    let high = -1;
    let lowest = Infinity;
    let highest = -Infinity;
    for (let i = start; i < end; i++) {
      const x = column.at(i) ?? NaN;
      if (x < lowest) {
        lowest = x;
        low = i;
      }
      if (x > highest) {
        highest = x;
        high = i;
      }
    }
    if (low >= 0) found.add(low);
    if (high >= 0) found.add(high);
  }
  return [...found].sort((a, b) => a - b);
}

/** Index of the first step that is not below `step`. */
function lowerBound(steps: NumberList, step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps.at(middle) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}
