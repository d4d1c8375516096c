/**
 * A masker says how much each token counts in the loss. It sees the tokenized example, never ids
 * it would have to interpret: what is trained follows from spans.
 * @module
 */
import type { TextSpan } from "./template.ts";
import type { Encoding } from "./tokenizer.ts";

/** What to do with a token that straddles a trained and an untrained span. */
export type BoundaryToken = "mask" | "train" | "split";

/** An example as text, spans and tokens. */
export interface Tokenized {
  /** The rendered text. */
  readonly text: string;
  /** What each part of it is. */
  readonly spans: readonly TextSpan[];
  /** Its tokens and their characters. */
  readonly encoding: Encoding;
}

/** Chooses what is trained. */
export interface Masker {
  /**
   * Weight of each span, in [0, inf): 0 = context only. The core multiplies by the span's own
   * weight (the message's) and gives each token the weight of the span that holds it; scaffolding
   * between spans, BOS and padding always weigh 0.
   */
  weights(tokenized: Tokenized): Float32Array; // (spans.length)
  /** Optional: change weights token by token, after the spans' (decay over time, and so on). */
  tokenWeights?(tokenized: Tokenized, weights: Float32Array): Float32Array; // (T)
}
