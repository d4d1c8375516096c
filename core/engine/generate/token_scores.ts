/**
 * Log-probabilities of a token and of the likeliest at its place, from the logits.
 * @module
 */

/** What the model made of a token at its place. */
export interface TokenScore {
  /** The token. */
  readonly id: number;
  /** Natural logarithm of its probability after the tokens before it. */
  readonly logProbability: number;
  /** The likeliest tokens there, likeliest first; equal ones by id. */
  readonly top: readonly {
    readonly id: number;
    readonly logProbability: number;
  }[];
}

/** Scores `id` by a row of logits (V), with the `count` likeliest. */
export function scoreToken(
  logits: Float32Array, // (V)
  id: number,
  count: number,
): TokenScore {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] > largest) largest = logits[i];
  }
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - largest);
  const total = largest + Math.log(sum);
  return {
    id,
    logProbability: logits[id] - total,
    top: likeliest(logits, Math.min(count, logits.length)).map((id) => ({
      id,
      logProbability: logits[id] - total,
    })),
  };
}

/** Ids of the largest logits, in order: a short list that is kept sorted, as few are asked for. */
function likeliest(logits: Float32Array, count: number): number[] {
  const found: number[] = [];
  if (count === 0) return found;
  for (let id = 0; id < logits.length; id++) {
    if (
      found.length === count && !(logits[id] > logits[found[count - 1]])
    ) continue;
    let at = found.length;
    while (at > 0 && logits[id] > logits[found[at - 1]]) at--;
    found.splice(at, 0, id);
    if (found.length > count) found.pop();
  }
  return found;
}
