/**
 * How tokens are chosen. It is done on the device: see the kernel `sample`.
 * @module
 */

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

/** The options as the kernel `sample` reads them: (4). */
export function optionsVector(
  { temperature, topK, topP, repetitionPenalty }: SamplingOptions,
): Float32Array {
  const k = topK === null ? 0 : Math.min(Math.max(1, topK), 2 ** 24);
  return Float32Array.of(temperature, k, topP, repetitionPenalty);
}
