/**
 * The Llama family (arXiv:2307.09288): pre-norm blocks of grouped-query attention with rotary positions
 * and a gated MLP. Reads the model types `llama`, `mistral` (windows; arXiv:2310.06825), `qwen2` (biases on
 * q, k, v; arXiv:2407.10671) and `qwen3` (norms on each head's q and k; arXiv:2505.09388). Its
 * attention has dropout where a run asks for it by `model.dropout`.
 * @module
 */
import type { Activations, Architecture } from "@denotune/denotune/core";
import { decoderSpec } from "./decoder/decoder.ts";
import { defineModel, type ModelPart } from "./_define.ts";
import { LLAMA_TYPES, readLlamaConfig } from "./_llama_config.ts";

/** The Llama family as an architecture, with the activations that its configs may name. */
export function llamaWith(activations: Activations): Architecture {
  return {
    modelTypes: LLAMA_TYPES,
    describe: (config) => decoderSpec(readLlamaConfig(config, activations)),
  };
}

/** Part `llama`: models of the types `llama`, `mistral`, `qwen2` and `qwen3`. */
export const llama: ModelPart = defineModel(
  "llama",
  "llama (135M to 70B), mistral (7B to 24B, windows), qwen2 (0.5B to 72B, biases of q, k and v), qwen3 (0.6B to 32B, norms of each head)",
  llamaWith,
);
