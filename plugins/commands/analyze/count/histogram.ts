/**
 * Whole numbers counted by value: exact quantiles in memory that grows with the number of different
 * values, not of rows.
 * @module
 */

/** A bar of a plot: values from `from` to `to`, both included. */
export interface Bin {
  /** Smallest value. */
  readonly from: number;
  /** Largest value. */
  readonly to: number;
  /** How many numbers it counts. */
  readonly count: number;
}

/** How values are spread. Quantiles between two values are interpolated. */
export interface Distribution {
  /** How many numbers there are. */
  readonly count: number;
  /** Their sum. */
  readonly total: number;
  /** Their mean. */
  readonly mean: number;
  /** The smallest. */
  readonly min: number;
  /** Half of them are below. */
  readonly median: number;
  /** 90% of them are below. */
  readonly p90: number;
  /** 99% of them are below. */
  readonly p99: number;
  /** The largest. */
  readonly max: number;
  /** Equal bars up to near the 99th percentile, and one for all above. */
  readonly bins: readonly Bin[];
}

/** Counts of whole numbers, 0 or more. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #total = 0;

  /** How many numbers were added. */
  get count(): number {
    return this.#count;
  }

  /** Adds a number. */
  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#count++;
    this.#total += value;
  }

  /** The distribution; null where nothing was added. */
  distribution(): Distribution | null {
    if (this.#count === 0) return null;
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    const quantile = (q: number): number => quantileOf(sorted, this.#count, q);
    return {
      count: this.#count,
      total: this.#total,
      mean: this.#total / this.#count,
      min: sorted[0][0],
      median: quantile(0.5),
      p90: quantile(0.9),
      p99: quantile(0.99),
      max: sorted[sorted.length - 1][0],
      bins: binsOf(sorted, Math.ceil(quantile(0.99))),
    };
  }
}

type Counted = readonly (readonly [value: number, count: number])[];

/** The value at rank `q * (count - 1)`, between neighbours in proportion. */
function quantileOf(sorted: Counted, count: number, q: number): number {
  const rank = q * (count - 1);
  const lower = Math.floor(rank);
  let before = 0;
  for (let i = 0; i < sorted.length; i++) {
    const [value, n] = sorted[i];
    before += n;
    if (before <= lower) continue;
    if (rank === lower || before > lower + 1) return value;
    return value + (rank - lower) * (sorted[i + 1][0] - value);
  }
  return sorted[sorted.length - 1][0];
}

const BARS = 30;

function binsOf(sorted: Counted, upTo: number): Bin[] {
  const min = sorted[0][0];
  const max = sorted[sorted.length - 1][0];
  const width = niceWidth((upTo + 1 - min) / BARS);
  const start = Math.floor(min / width) * width;
  const bars = Math.max(1, Math.ceil((upTo + 1 - start) / width));
  const counts = new Array<number>(bars).fill(0);
  let above = 0;
  for (const [value, n] of sorted) {
    const bar = Math.floor((value - start) / width);
    if (bar < bars) counts[bar] += n;
    else above += n;
  }
  const bins = counts.map((count, i): Bin => ({
    from: start + i * width,
    to: start + (i + 1) * width - 1,
    count,
  }));
  if (above > 0) {
    bins.push({ from: start + bars * width, to: max, count: above });
  }
  return bins;
}

/** 1, 2, 5, 10, 20, ...: the smallest that is at least `least`. */
function niceWidth(least: number): number {
  for (let power = 1;; power *= 10) {
    for (const step of [1, 2, 5]) {
      if (step * power >= least) return step * power;
    }
  }
}
