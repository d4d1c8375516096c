/**
 * The dropout of decoders with rotary positions: transformers has it in attention alone, off by default.
 * @module
 */
import type { Json, ModelDropout } from "@denotune/denotune/core";

/** What a config says of it. */
export function attentionDropout(
  config: { readonly [key: string]: Json },
): Partial<ModelDropout> {
  const { attention_dropout: p } = config;
  return { attention: typeof p === "number" && p >= 0 && p < 1 ? p : 0 };
}
