/**
 * Granite (IBM, dense): a Llama with four factors, of embeddings,
 * scores, residuals and logits.
 * @module
 */
import type {
  Activations,
  Architecture,
  ModelFamily,
} from "@denotune/denotune/core";
import { gguf } from "./decoder/gguf_layout.ts";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import { oneRope, plainRest, readDecoder } from "./decoder/config.ts";

const GRANITE: ModelFamily = {
  modelType: "granite",
  sizes: "2B, 8B",
  special: "factors of embeddings, scores, residuals and logits",
  popular: [
    {
      id: "ibm-granite/granite-3.3-2b-base",
      millions: 2534,
      template: null,
      stop: ["<|end_of_text|>"],
    },
    {
      id: "ibm-granite/granite-3.3-2b-instruct",
      millions: 2534,
      template: "tokenizer",
      stop: ["<|end_of_text|>"],
    },
    {
      id: "ibm-granite/granite-3.3-8b-instruct",
      millions: 8171,
      template: "tokenizer",
      stop: ["<|end_of_text|>"],
    },
  ],
};

/** Granite, with the activations that its configs may name. */
export const graniteWith: (activations: Activations) => Architecture =
  decoderWith(GRANITE, (config, activations) =>
    readDecoder(config, {
      modelType: "granite",
      architecture: "GraniteForCausalLM",
      kvHeads: null,
      maxPositions: 2048,
      eps: 1e-6,
      tied: false,
      mlpBias: true,
    }, {
      activations,
      rest(reader, sizes) {
        const divisor = reader.number("logits_scaling", 1);
        return {
          ...plainRest(sizes, oneRope(reader, sizes)),
          gguf: {
            architecture: "granite",
            adjacent: true,
            frequencies: "one",
            biases: { qkv: true, output: true, mlp: true },
            freeHeads: true,
            factors: true,
            settings: (c) => ({
              logit_scale: gguf.f32(divisor),
              embedding_scale: gguf.f32(c.factors.embedding),
              residual_scale: gguf.f32(c.factors.residual),
              "attention.scale": gguf.f32(c.factors.scores),
            }),
          },
          factors: {
            embedding: reader.number("embedding_multiplier", 1),
            scores: reader.number("attention_multiplier", 1),
            residual: reader.number("residual_multiplier", 1),
          },
          logits: divisor === 1 ? null : (x) => x.div(divisor),
        };
      },
    }));

/** Part `granite`: models of the type `granite`. */
export const granite: ModelPart = defineModel(
  "granite",
  "Granite 3",
  graniteWith,
);
