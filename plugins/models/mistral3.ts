/**
 * Mistral Small 3.1 and Ministral 3 with images: their text models, a Mistral or a Ministral 3.
 * @module
 */
import type { Activations, Architecture } from "@denotune/denotune/core";
import { defineModel, type ModelPart } from "./_define.ts";
import { textTower } from "./_text_tower.ts";
import { llamaWith } from "./llama.ts";
import { ministral3With } from "./ministral3.ts";

/** Mistral 3 in its text model, with the activations that its configs may name. */
export function mistral3With(activations: Activations): Architecture {
  return textTower({
    modelType: "mistral3",
    texts: {
      mistral: llamaWith(activations),
      ministral3: ministral3With(activations),
    },
    usual: "mistral",
    images: [
      "vision_config",
      "image_token_index",
      "projector_hidden_act",
      "vision_feature_layer",
      "multimodal_projector_bias",
      "spatial_merge_size",
    ],
  });
}

/** Part `mistral3`: models of the type `mistral3`. */
export const mistral3: ModelPart = defineModel(
  "mistral3",
  "mistral3 (3B to 24B): the text model, a mistral or a ministral3; tensors of images are kept",
  mistral3With,
);
