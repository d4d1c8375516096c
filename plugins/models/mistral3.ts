/**
 * Mistral Small 3.1 and Ministral 3 with images: their text models, a Mistral or a Ministral 3.
 * @module
 */
import type {
  Activations,
  Architecture,
  ModelFamily,
} from "@denotune/denotune/core";
import { defineModel, type ModelPart } from "./_define.ts";
import { textTower } from "./_text_tower.ts";
import { llamaWith } from "./llama.ts";
import { ministral3With } from "./ministral3.ts";

const MISTRAL3: ModelFamily = {
  modelType: "mistral3",
  sizes: "3B to 24B",
  special:
    "the text model, a mistral or a ministral3; tensors of images are kept",
  popular: [
    {
      id: "mistralai/Ministral-3-3B-Base-2512",
      millions: 3849,
      template: null,
      stop: ["</s>"],
    },
    {
      id: "mistralai/Ministral-3-3B-Instruct-2512-BF16",
      millions: 3849,
      template: "tokenizer",
      stop: ["</s>"],
    },
  ],
};

/** Mistral 3 in its text model, with the activations that its configs may name. */
export function mistral3With(activations: Activations): Architecture {
  return textTower({
    family: MISTRAL3,
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
  "Mistral Small 3.1 and Ministral 3, by their text models",
  mistral3With,
);
