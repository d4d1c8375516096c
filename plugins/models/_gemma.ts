/**
 * What Gemma 2 and Gemma 3 share: norms before and behind attention and MLP, which keep 1 less than they multiply
 * by; embeddings multiplied by the root of their width; soft caps.
 * @module
 */
import type { ConfigReader } from "@denotune/denotune/core";
import { gguf, type GgufLayout, type Refusals } from "./decoder/gguf_layout.ts";
import type {
  DecoderConfig,
  DecoderNames,
  GgufFamily,
} from "./decoder/types.ts";
import {
  type DecoderDefaults,
  type DecoderRest,
  type DecoderSizes,
  NAMES,
  plainRest,
} from "./decoder/config.ts";

/** Names of a Gemma's weights. */
export const GEMMA_NAMES: DecoderNames = {
  ...NAMES,
  norms: {
    beforeAttention: "input_layernorm",
    afterAttention: "post_attention_layernorm",
    beforeMlp: "pre_feedforward_layernorm",
    afterMlp: "post_feedforward_layernorm",
  },
};

/** Defaults of both. */
export const GEMMA_DEFAULTS = {
  kvHeads: 4,
  headDim: 256,
  eps: 1e-6,
  tied: true,
  activation: { key: "hidden_activation", name: "gelu_pytorch_tanh" },
  mlpBias: false,
} satisfies Partial<DecoderDefaults>;

/** How llama.cpp computes both. */
export const GEMMA_GGUF = {
  windows: true,
  activation: "gelu_pytorch_tanh",
  freeHeads: true,
  rootEmbedding: true,
  head: "tied",
} satisfies Partial<GgufFamily>;

/** The soft cap of logits in a GGUF file; Gemma 2 cannot be without. */
export function finalCap(
  c: DecoderConfig,
  refused: Refusals,
  { needed = false }: { readonly needed?: boolean } = {},
): GgufLayout["settings"] {
  const cap = c.json.final_logit_softcapping ??
    (needed && c.logits ? 30 : null);
  refused.unless(!needed || c.logits !== null, "logits without a soft cap");
  return typeof cap === "number"
    ? { final_logit_softcapping: gguf.f32(cap) }
    : {};
}

/** What both read besides; `logitCap` is the soft cap of a config that does not name it. */
export function gemmaRest(
  reader: ConfigReader,
  sizes: DecoderSizes,
  { logitCap }: { readonly logitCap: number | null },
): DecoderRest {
  reader.ignore("hidden_act"); // transformers reads `hidden_activation` alone
  const cap = reader.numberOrNull("final_logit_softcapping", logitCap);
  return {
    ...plainRest(sizes, null),
    names: GEMMA_NAMES,
    normOffset: 1,
    floats: ["final_logit_softcapping", "attn_logit_softcapping"],
    factors: {
      embedding: Math.fround(Math.sqrt(sizes.hiddenSize)),
      scores: 1 / Math.sqrt(reader.number("query_pre_attn_scalar", 256)),
      residual: 1,
    },
    logits: cap === null ? null : (x) => x.div(cap).tanh().mul(cap),
  };
}
