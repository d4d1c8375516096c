/**
 * Weights of tokens from weights of spans, by character offset.
 *
 * ```text
 * text      Answer:  yes\n        spans: [8, 11) weight 1
 * tokens    |Answer|:| yes|\n|    " yes" holds the untrained blank and the trained word: it straddles
 * mask       0      0 0    0
 * train      0      0 1    0
 * ```
 *
 * A token with an empty span was put in by the tokenizer and weighs 0.
 * @module
 */
import type { BoundaryToken } from "../../contracts/masker.ts";
import type { TextSpan } from "../../contracts/template.ts";
import type { Encoding } from "../../contracts/tokenizer.ts";

/** Spans with the weight of each. */
export interface WeightedSpans {
  /** The spans, in order. */
  readonly spans: readonly TextSpan[];
  /** The weight of each. */
  readonly weights: Float32Array; // (spans.length)
}

/** Weights, and the tokens over whose characters the weight changes. */
export interface TokenWeights {
  /** The weight of each token. */
  readonly weights: Float32Array; // (T)
  /** Indices of straddling tokens, ascending. */
  readonly straddling: readonly number[];
}

/** Gives each token the weight of its characters: the least of them under `mask`, else the greatest. */
export function tokenWeights(
  encoding: Encoding,
  spans: WeightedSpans,
  boundary: BoundaryToken,
): TokenWeights {
  const { starts, ends } = encoding;
  const T = starts.length;
  const weights = new Float32Array(T); // (T)
  const straddling: number[] = [];
  for (let t = 0; t < T; t++) {
    if (ends[t] <= starts[t]) continue;
    const { least, greatest } = rangeOfWeights(spans, starts[t], ends[t]);
    weights[t] = boundary === "mask" ? least : greatest;
    if (least !== greatest) straddling.push(t);
  }
  return { weights, straddling };
}

/** Characters strictly within `(start, end)` before which the weight changes. */
export function changesWithin(
  { spans, weights }: WeightedSpans,
  start: number,
  end: number,
): number[] {
  const changes: number[] = [];
  let k = firstEndingAfter(spans, start);
  let at = start;
  let before: number | null = null;
  while (at < end) {
    const inside = k < spans.length && spans[k].start <= at;
    const weight = inside ? weights[k] : 0;
    if (before !== null && weight !== before) changes.push(at);
    before = weight;
    if (inside) at = spans[k++].end;
    else at = k < spans.length ? spans[k].start : end;
    while (k < spans.length && spans[k].end <= at) k++; // empty spans
  }
  return changes;
}

function rangeOfWeights(
  { spans, weights }: WeightedSpans,
  start: number,
  end: number,
): { least: number; greatest: number } {
  let least = Infinity;
  let greatest = 0;
  let covered = start;
  for (
    let k = firstEndingAfter(spans, start);
    k < spans.length && spans[k].start < end;
    k++
  ) {
    if (spans[k].end <= spans[k].start) continue;
    if (spans[k].start > covered) least = 0; // scaffolding before the span
    least = Math.min(least, weights[k]);
    greatest = Math.max(greatest, weights[k]);
    covered = spans[k].end;
  }
  if (covered < end) least = 0;
  return { least, greatest };
}

/** Index of the first span that ends after a character. */
export function firstEndingAfter(
  spans: readonly TextSpan[],
  character: number,
): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle].end <= character) low = middle + 1;
    else high = middle;
  }
  return low;
}
