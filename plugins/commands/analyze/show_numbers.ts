/**
 * Numbers as the quality report shows them.
 * @module
 */
import { showWhole } from "@denotune/denotune/core";

/** A share with three digits, small ones with one: `12.3%`, `0.04%`. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(share < 0.001 ? 1 : 3))}%`;
}

/** A thousand and more as a whole number, less with one digit behind the point. */
export function short(n: number): string {
  return n >= 1000 ? showWhole(n) : String(Number(n.toFixed(1)));
}
