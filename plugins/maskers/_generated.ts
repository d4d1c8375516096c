/**
 * The one rule behind `completion-only` and `assistant-only`.
 *
 * ```text
 * <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n
 *                  00 0                                 111111 1
 * Question: Who?\n\nAnswer:  Me.  <eos>
 * 00000000000000000000000000 1111 1
 * ```
 * @module
 */
import type { Masker } from "@denotune/denotune/core";

/** Trains every span that the model writes itself, end markers included. */
export function generatedSpans(): Masker {
  return {
    weights: ({ spans }) =>
      Float32Array.from(spans, (span) => span.generated ? 1 : 0),
  };
}
