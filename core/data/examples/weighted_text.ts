/**
 * An example as text, tokens and weights: what is truncated, counted and shown.
 * @module
 */
import type { ParsedExample } from "../../contracts/format.ts";
import type { Tokenized } from "../../contracts/masker.ts";

/** An example with its weights, not yet truncated. */
export interface WeightedText extends Tokenized {
  /** What was rendered: without system turns, where they are left out. */
  readonly example: ParsedExample;
  /** Weight of each token as a target, (T). */
  readonly weights: Float32Array; // (T)
  /** Whether the tokenizer put BOS in front (a template's own BOS is text). */
  readonly addedBos: boolean;
  /** Tokens that straddled trained and untrained text. */
  readonly straddled: number;
  /** Tokens of each sequence, where the example has several that belong together. */
  readonly lengths?: readonly number[];
}
