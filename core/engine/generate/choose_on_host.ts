/**
 * Chooses one token from logits that the host has read, as the kernel `sample` does on the device, after penalties,
 * biases and what a constraint allows.
 *
 * ```text
 * logits ─► penalties, bias ─► allowed only ─► temperature, k, p ─► the largest of logit / temperature + Gumbel number
 * ```
 * @module
 */
import { gumbelAt } from "../../random.ts";
import type { RowSampling } from "./sampling.ts";

/** What a choice depends on, besides the logits. */
export interface ChoiceRequest {
  readonly sampling: RowSampling;
  /** Tokens of the prompt. */
  readonly prompt: ArrayLike<number>;
  /** Tokens of the answer so far. */
  readonly ids: readonly number[];
  /** A bit for each token that may be chosen; null: all. */
  readonly allowed: Int32Array | null;
  /** Key of the row's random numbers, and the place of the token before. */
  readonly key: number;
  readonly place: number;
}

/** The chosen token; null where none is allowed. `logits` (V) is changed. */
export function chooseOnHost(
  logits: Float32Array, // (V)
  request: ChoiceRequest,
): number | null {
  const { sampling, allowed, key, place } = request;
  changeLogits(logits, request);
  const candidates: number[] = [];
  let best = -1;
  for (let id = 0; id < logits.length; id++) {
    if (allowed !== null && (allowed[id >>> 5] >>> (id & 31) & 1) === 0) {
      continue;
    }
    const logit = logits[id];
    // NaN is never chosen; a bias may have forbidden a token
    if (!(logit > -Infinity)) continue;
    if (best < 0 || logit > logits[best]) best = id;
    candidates.push(id);
  }
  if (best < 0 || sampling.temperature === 0) return best < 0 ? null : best;
  let chosen = best;
  let largest = -Infinity;
  for (const id of keptOf(candidates, logits, sampling, logits[best])) {
    const score = logits[id] / sampling.temperature + gumbelAt(key, place, id);
    if (score > largest) {
      largest = score;
      chosen = id;
    }
  }
  return chosen;
}

/** Applies penalties and biases. */
function changeLogits(
  logits: Float32Array,
  { sampling, prompt, ids }: ChoiceRequest,
): void {
  const {
    repetitionPenalty,
    presencePenalty = 0,
    frequencyPenalty = 0,
    logitBias,
  } = sampling;
  if (repetitionPenalty !== 1) {
    const seen = new Set(ids);
    for (let i = 0; i < prompt.length; i++) seen.add(prompt[i]);
    for (const id of seen) {
      logits[id] = logits[id] > 0
        ? logits[id] / repetitionPenalty
        : logits[id] * repetitionPenalty;
    }
  }
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    for (const id of ids) logits[id] -= frequencyPenalty;
    for (const id of new Set(ids)) logits[id] -= presencePenalty;
  }
  for (const [id, bias] of logitBias ?? []) logits[id] += bias;
}

/** The first k by falling logit, and of those the fewest that have p of the sum of exp(logit / temperature). */
function keptOf(
  candidates: readonly number[],
  logits: Float32Array,
  { temperature, topK, topP }: RowSampling,
  largest: number,
): readonly number[] {
  const cuts = topK !== null && topK < candidates.length;
  if (!cuts && topP >= 1) return candidates;
  const order = candidates.toSorted((a, b) => logits[b] - logits[a] || a - b);
  const first = cuts ? order.slice(0, Math.max(1, topK)) : order;
  if (topP >= 1) return first;
  const weights = first.map((id) =>
    Math.exp((logits[id] - largest) / temperature)
  );
  const enough = topP * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  let count = 0;
  while (count < first.length && sum < enough) sum += weights[count++];
  return first.slice(0, Math.max(1, count));
}
