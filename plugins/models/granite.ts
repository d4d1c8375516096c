/**
 * Granite (IBM, dense): a Llama with four factors, of embeddings,
 * scores, residuals and logits.
 * @module
 */
import type { Activations, Architecture } from "@denotune/denotune/core";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import { oneRope, plainRest, readDecoder } from "./decoder/config.ts";

/** Granite, with the activations that its configs may name. */
export const graniteWith: (activations: Activations) => Architecture =
  decoderWith("granite", (config, activations) =>
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
  "granite (2B, 8B): factors of embeddings, scores, residuals and logits",
  graniteWith,
);
