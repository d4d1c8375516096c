/**
 * How tokens are chosen: on the device, by the kernel `sample`; on the host, from the logits, where a row asks for
 * what the kernel does not know (`changesLogits`).
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
  /** Key of the random numbers. */
  readonly seed: number;
}

/** How to choose, with what only the host knows. */
export interface RowSampling extends SamplingOptions {
  /** Subtracted from the logits of tokens that the answer has; absent: 0. */
  readonly presencePenalty?: number;
  /** Subtracted from the logit of a token for each time that the answer has it; absent: 0. */
  readonly frequencyPenalty?: number;
  /** Added to the logits of these tokens; absent: nothing. */
  readonly logitBias?: ReadonlyMap<number, number>;
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

/** Whether tokens are chosen from other logits than the model's: that is done on the host. */
export function changesLogits(
  { presencePenalty = 0, frequencyPenalty = 0, logitBias }: RowSampling,
): boolean {
  return presencePenalty !== 0 || frequencyPenalty !== 0 ||
    (logitBias?.size ?? 0) > 0;
}
