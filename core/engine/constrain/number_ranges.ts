/**
 * Numbers between two bounds as expressions over their digits.
 *
 * ```text
 * 17..342   1[7-9] | [2-9][0-9] | [1-2][0-9][0-9] | 3([0-3][0-9] | 4[0-2])
 * ```
 * @module
 */
import type { Expression, Expressions } from "./expressions.ts";
import type { JsonText } from "./json_text.ts";

/** Bounds of a number, both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Digits behind the point that a bounded number has at most. */
const MOST_DECIMALS = 15;

/** The whole numbers within bounds. */
export function integersWithin(
  { min, max }: Bounds,
  e: Expressions,
): Expression {
  const from = Math.max(Math.ceil(min), Number.MIN_SAFE_INTEGER);
  const to = Math.min(Math.floor(max), Number.MAX_SAFE_INTEGER);
  const found: Expression[] = [];
  if (from < 0 && from <= to) {
    const low = Math.max(1, -Math.min(to, -1));
    if (low <= -from) {
      found.push(e.sequence(e.text("-"), digitsWithin(low, -from, e)));
    }
  }
  if (to >= 0 && from <= to) {
    found.push(digitsWithin(Math.max(0, from), to, e));
  }
  return e.choice(found);
}

/**
 * Numbers within bounds: whole ones, and those with a fraction whose whole part is not cut by a bound. A fraction does
 * not end in 0, so that what a bound excludes is not written as 3.0.
 */
export function numbersWithin(
  bounds: Bounds & {
    /** Whether the bound itself is left out. */
    readonly openMin: boolean;
    readonly openMax: boolean;
    readonly decimals: number | null;
  },
  json: JsonText,
): Expression {
  const e = json.expressions;
  const { min, max, openMin, openMax, decimals } = bounds;
  const first = openMin && Number.isInteger(min) ? min + 1 : min;
  const last = openMax && Number.isInteger(max) ? max - 1 : max;
  const found = [integersWithin({ min: first, max: last }, e)];
  const most = decimals ?? MOST_DECIMALS;
  if (most > 0) {
    const fraction = e.sequence(
      e.text("."),
      json.digits(0, most - 1),
      e.bytes([0x31, 0x39]),
    );
    const whole = (from: number, to: number) =>
      digitsWithin(from, Math.min(to, Number.MAX_SAFE_INTEGER), e);
    const above = Math.max(0, Math.ceil(min));
    const aboveEnd = Math.floor(max) - 1;
    if (above <= aboveEnd) {
      found.push(e.sequence(whole(above, aboveEnd), fraction));
    }
    const below = Math.max(0, Math.ceil(-max));
    const belowEnd = Math.floor(-min) - 1;
    if (below <= belowEnd) {
      found.push(e.sequence(e.text("-"), whole(below, belowEnd), fraction));
    }
  }
  return e.choice(found);
}

/** Whole numbers without a sign, both ends included. */
function digitsWithin(from: number, to: number, e: Expressions): Expression {
  const found: Expression[] = [];
  const [a, b] = [String(from), String(to)];
  for (let n = a.length; n <= b.length; n++) {
    const low = n === a.length ? a : `1${"0".repeat(n - 1)}`;
    const high = n === b.length ? b : "9".repeat(n);
    found.push(between(low, high, e));
  }
  return e.choice(found);
}

/** Digits between two texts of one length. */
function between(low: string, high: string, e: Expressions): Expression {
  const n = low.length;
  if (n === 0) return e.sequence();
  const digits = (from: number, to: number) => e.bytes([48 + from, 48 + to]);
  if (/^0*$/.test(low) && /^9*$/.test(high)) {
    return e.repeat(digits(0, 9), n, n);
  }
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) {
    return e.sequence(digits(first, first), between(lowRest, highRest, e));
  }
  const nines = "9".repeat(n - 1);
  const zeros = "0".repeat(n - 1);
  return e.choice([
    e.sequence(digits(first, first), between(lowRest, nines, e)),
    ...(first + 1 <= last - 1
      ? [e.sequence(digits(first + 1, last - 1), between(zeros, nines, e))]
      : []),
    e.sequence(digits(last, last), between(zeros, highRest, e)),
  ]);
}
