/**
 * Choosing the next token from logits, on the host.
 * @module
 */
import { randomFrom } from "../random.ts";

/** How to choose. */
export interface SamplingOptions {
  /** 0: greedy. */
  readonly temperature: number;
  /** Keep the k most likely; null: all. */
  readonly topK: number | null;
  /** Keep the smallest set whose probabilities sum to at least p (arXiv:1904.09751); 1: all. */
  readonly topP: number;
  /** Divide positive, multiply negative logits of tokens seen before (arXiv:1909.05858); 1: off. */
  readonly repetitionPenalty: number;
  readonly seed: number;
}

/**
 * The next id. `logits` (V) are changed in place; `seen` are the ids of prompt and answer; `place` counts
 * the tokens of the answer so far and, with seed and row, keys the random number.
 */
export function chooseToken(
  logits: Float32Array,
  options: SamplingOptions,
  at: { seen: Iterable<number>; row: number; place: number },
): number {
  if (options.repetitionPenalty !== 1) {
    for (const id of new Set(at.seen)) {
      logits[id] = logits[id] > 0
        ? logits[id] / options.repetitionPenalty
        : logits[id] * options.repetitionPenalty;
    }
  }
  if (options.temperature === 0) return indexOfLargest(logits);
  const ids = candidates(logits, options.topK);
  const largest = logits[ids[0]];
  const weights = ids.map((id) =>
    Math.exp((logits[id] - largest) / options.temperature)
  );
  let total = weights.reduce((a, b) => a + b, 0);
  let kept = ids.length;
  if (options.topP < 1) {
    let sum = 0;
    for (kept = 0; kept < ids.length && sum < options.topP * total; kept++) {
      sum += weights[kept];
    }
    total = sum;
  }
  let left = randomFrom(options.seed, at.row, at.place).next() * total;
  for (let i = 0; i < kept; i++) {
    left -= weights[i];
    if (left < 0) return ids[i];
  }
  return ids[kept - 1];
}

/** Ids by falling logit, at most k; equal logits in order of id. */
function candidates(logits: Float32Array, k: number | null): number[] {
  const ids = Array.from(logits.keys());
  ids.sort((a, b) => logits[b] - logits[a] || a - b);
  return k === null ? ids : ids.slice(0, Math.max(1, k));
}

function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}
