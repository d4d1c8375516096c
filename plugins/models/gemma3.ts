/**
 * Gemma 3 (arXiv:2503.19786): as Gemma 2 with norms of each head's queries and keys in the place of soft caps, a
 * window in five of six layers, and another rotary base there.
 * @module
 */
import type {
  Activations,
  Architecture,
  ModelFamily,
} from "@denotune/denotune/core";
import {
  architectureOf,
  decoderWith,
  defineModel,
  type ModelPart,
} from "./_define.ts";
import { textTower } from "./_text_tower.ts";
import { readDecoder } from "./decoder/config.ts";
import { finalCap, GEMMA_DEFAULTS, GEMMA_GGUF, gemmaRest } from "./_gemma.ts";
import {
  readLayerRopes,
  readLayerTypes,
  windowsOf,
} from "./decoder/layer_ropes.ts";

const GEMMA3_TEXT: ModelFamily = {
  modelType: "gemma3_text",
  sizes: "270M, 1B",
  special:
    "norms of each head, two rotary bases, a window in five of six layers",
  adapterTargets: ["q_proj", "v_proj"],
  popular: [
    {
      id: "google/gemma-3-270m",
      millions: 268,
      template: null,
      stop: ["<eos>"],
      gated: true,
    },
    {
      id: "google/gemma-3-270m-it",
      millions: 268,
      template: "gemma",
      stop: ["<end_of_turn>"],
      gated: true,
    },
    {
      id: "google/gemma-3-1b-pt",
      millions: 1000,
      template: null,
      stop: ["<eos>"],
      gated: true,
    },
    {
      id: "google/gemma-3-1b-it",
      millions: 1000,
      template: "gemma",
      stop: ["<end_of_turn>"],
      gated: true,
    },
  ],
};

const GEMMA3: ModelFamily = {
  modelType: "gemma3",
  sizes: "4B to 27B",
  special: "the text model, a gemma3_text; tensors of images are kept",
  popular: [
    {
      id: "google/gemma-3-4b-pt",
      millions: 4300,
      template: null,
      stop: ["<eos>"],
      gated: true,
    },
    {
      id: "google/gemma-3-4b-it",
      millions: 4300,
      template: "gemma",
      stop: ["<end_of_turn>"],
      gated: true,
    },
  ],
};

/** Gemma 3 without images, with the activations that its configs may name. */
export const gemma3TextWith: (activations: Activations) => Architecture =
  decoderWith(GEMMA3_TEXT, (config, activations) =>
    readDecoder(config, {
      ...GEMMA_DEFAULTS,
      modelType: "gemma3_text",
      architecture: "Gemma3ForCausalLM",
      maxPositions: 131072,
      sizes: {
        vocabSize: 262208,
        hiddenSize: 2304,
        intermediateSize: 9216,
        layers: 26,
        heads: 8,
      },
    }, {
      activations,
      rest(reader, sizes) {
        // transformers has the key from Gemma 2 and does not follow it
        reader.refuse({ attn_logit_softcapping: [] });
        const every = reader.count("sliding_window_pattern", 6);
        const types = readLayerTypes(
          reader,
          sizes,
          (i) => (i + 1) % every === 0 ? "full_attention" : "sliding_attention",
        );
        return {
          ...gemmaRest(reader, sizes, { logitCap: null }),
          gguf: {
            ...GEMMA_GGUF,
            architecture: "gemma3",
            caps: "logits",
            qkNorm: "each head",
            windowBase: true,
            // of the 27B, which llama.cpp knows by its layers, the share of the width
            scoreColumns: (c) =>
              c.layers === 62 ? Math.floor(c.hiddenSize / c.heads) : c.headDim,
            settings: finalCap,
          },
          qkNorm: "each head",
          ropes: readLayerRopes(reader, sizes, {
            types,
            bases: {
              full_attention: { key: "rope_theta", theta: 1000000 },
              sliding_attention: { key: "rope_local_base_freq", theta: 10000 },
            },
          }),
          windows: windowsOf(types, reader.count("sliding_window", 4096)),
        };
      },
    }));

/** Gemma 3, with or without images: of the former the text model. */
export function gemma3With(activations: Activations): Architecture {
  const text = gemma3TextWith(activations);
  const tower = textTower({
    family: GEMMA3,
    texts: { gemma3_text: text },
    usual: "gemma3_text",
    images: [
      "vision_config",
      "mm_tokens_per_image",
      "boi_token_index",
      "eoi_token_index",
      "image_token_index",
    ],
    unread: ["final_logit_softcapping"],
  });
  return architectureOf(
    [GEMMA3_TEXT, GEMMA3],
    (config) =>
      (config.model_type === "gemma3" ? tower : text).describe(config),
  );
}

/** Part `gemma3`: models of the types `gemma3_text` and `gemma3`. */
export const gemma3: ModelPart = defineModel(
  "gemma3",
  "Gemma 3, with images by its text model",
  gemma3With,
);
