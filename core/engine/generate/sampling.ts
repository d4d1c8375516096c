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

/** The options of rows as the kernel `sample` reads them: (rows, 4). */
export function optionsOf(
  rows: readonly Omit<SamplingOptions, "seed">[],
): Float32Array {
  return Float32Array.from(
    rows.flatMap(({ temperature, topK, topP, repetitionPenalty }) => [
      temperature,
      topK === null ? 0 : Math.min(Math.max(1, topK), 2 ** 24),
      topP,
      repetitionPenalty,
    ]),
  );
}
