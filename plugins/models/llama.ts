/**
 * The Llama family (arXiv:2307.09288): pre-norm blocks of grouped-query attention with rotary positions
 * and a gated MLP. Reads the model types `llama`, `mistral` (windows; arXiv:2310.06825), `qwen2` (biases on
 * q, k, v; arXiv:2407.10671) and `qwen3` (norms on each head's q and k; arXiv:2505.09388). Its
 * attention has dropout where a run asks for it by `model.dropout`.
 * @module
 */
import type { Activations, Architecture } from "@denotune/denotune/core";
import { decoderSpec } from "./decoder/decoder.ts";
import { architectureOf, defineModel, type ModelPart } from "./_define.ts";
import { readLlamaConfig } from "./_llama_config.ts";
import { LLAMA_FAMILIES } from "./_llama_families.ts";

/** The Llama family as an architecture, with the activations that its configs may name. */
export function llamaWith(activations: Activations): Architecture {
  return architectureOf(
    LLAMA_FAMILIES,
    (config) => decoderSpec(readLlamaConfig(config, activations)),
  );
}

/** Part `llama`: models of the types `llama`, `mistral`, `qwen2` and `qwen3`. */
export const llama: ModelPart = defineModel(
  "llama",
  "Llama and what is built like it: SmolLM2, Mistral, Qwen 2.5, Qwen3",
  llamaWith,
);
