/**
 * Phi 3 to 4 (arXiv:2404.14219): a Llama whose queries, keys and values are one product, as gate and up are; rotary
 * positions of a part of a head's columns, with lists of divisors for long runs.
 * @module
 */
import type {
  Activations,
  Architecture,
  ModelFamily,
} from "@denotune/denotune/core";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import {
  everyLayer,
  NAMES,
  oneRope,
  plainRest,
  readDecoder,
} from "./decoder/config.ts";

const PHI3: ModelFamily = {
  modelType: "phi3",
  sizes: "3.8B, 14B",
  special:
    "one product for q, k and v, one for gate and up; longrope, partial rotary positions",
  popular: [
    {
      id: "microsoft/Phi-3.5-mini-instruct",
      millions: 3821,
      template: "phi3",
      stop: ["<|end|>"],
    },
    {
      id: "microsoft/Phi-4-mini-instruct",
      millions: 3836,
      template: "tokenizer",
      stop: ["<|end|>"],
    },
  ],
};

/** Phi 3, with the activations that its configs may name. */
export const phi3With: (activations: Activations) => Architecture = decoderWith(
  PHI3,
  (config, activations) =>
    readDecoder(config, {
      modelType: "phi3",
      architecture: "Phi3ForCausalLM",
      kvHeads: null,
      maxPositions: 4096,
      eps: 1e-5,
      tied: false,
      attentionBias: false,
      mlpBias: false,
    }, {
      activations,
      rest(reader, sizes) {
        // how attention and positions were once written in the model's own code; 1 changes nothing
        reader.refuse({ full_attn_mod: [1], interpolate_factor: [1] });
        const rope = oneRope(reader, sizes, {
          partial: { key: "partial_rotary_factor", share: 1 },
          originalPositions: reader.count(
            "original_max_position_embeddings",
            4096,
          ),
          types: {
            default: "default",
            longrope: "longrope",
            su: "longrope",
            yarn: "longrope",
          },
        });
        return {
          ...plainRest(sizes, rope),
          names: {
            ...NAMES,
            qkv: ["self_attn.qkv_proj"],
            gateUp: ["mlp.gate_up_proj"],
          },
          gguf: { architecture: "phi3", frequencies: "long" },
          windows: everyLayer(
            sizes,
            reader.countOrNull("sliding_window", null),
          ),
        };
      },
    }),
);

/** Part `phi3`: models of the type `phi3`. */
export const phi3: ModelPart = defineModel(
  "phi3",
  "Phi 3 to 4",
  phi3With,
);
