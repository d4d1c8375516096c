/**
 * Gemma 2 (arXiv:2408.00118): norms before and behind attention and MLP, soft caps of scores and logits, and a
 * window in every other layer.
 * @module
 */
import type {
  Activations,
  Architecture,
  ModelFamily,
} from "@denotune/denotune/core";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import { everyLayer, oneRope, readDecoder } from "./decoder/config.ts";
import { finalCap, GEMMA_DEFAULTS, GEMMA_GGUF, gemmaRest } from "./_gemma.ts";
import { gguf } from "./decoder/gguf_layout.ts";
import { readLayerTypes, windowsOf } from "./decoder/layer_ropes.ts";

const GEMMA2: ModelFamily = {
  modelType: "gemma2",
  sizes: "2B to 27B",
  special: "norms on both sides, soft caps, a window in every other layer",
  adapterTargets: ["q_proj", "v_proj"],
  popular: [
    {
      id: "google/gemma-2-2b",
      millions: 2614,
      template: null,
      stop: ["<eos>"],
      gated: true,
    },
    {
      id: "google/gemma-2-2b-it",
      millions: 2614,
      template: "gemma",
      stop: ["<end_of_turn>"],
      gated: true,
    },
    {
      id: "google/gemma-2-9b-it",
      millions: 9242,
      template: "gemma",
      stop: ["<end_of_turn>"],
      gated: true,
    },
  ],
};

/** Gemma 2, with the activations that its configs may name. */
export const gemma2With: (activations: Activations) => Architecture =
  decoderWith(GEMMA2, (config, activations) =>
    readDecoder(config, {
      ...GEMMA_DEFAULTS,
      modelType: "gemma2",
      architecture: "Gemma2ForCausalLM",
      maxPositions: 8192,
      sizes: {
        vocabSize: 256000,
        hiddenSize: 2304,
        intermediateSize: 9216,
        layers: 26,
        heads: 8,
      },
    }, {
      activations,
      rest(reader, sizes) {
        const types = readLayerTypes(
          reader,
          sizes,
          (i) => i % 2 === 0 ? "sliding_attention" : "full_attention",
        );
        const window = reader.countOrNull("sliding_window", 4096);
        // the same under an older name, which transformers does not read
        reader.refuse({ sliding_window_size: [window] });
        return {
          ...gemmaRest(reader, sizes, { logitCap: 30 }),
          gguf: {
            ...GEMMA_GGUF,
            architecture: "gemma2",
            caps: "both",
            // of the 27B, which llama.cpp knows by its layers, the share of the width
            scoreColumns: (c) =>
              c.layers === 46 ? Math.floor(c.hiddenSize / c.heads) : c.headDim,
            settings: (c, refused) => ({
              "attn_logit_softcapping": gguf.f32(c.scoreCap ?? 0),
              ...finalCap(c, refused, { needed: true }),
            }),
          },
          scoreCap: reader.numberOrNull("attn_logit_softcapping", 50),
          ropes: everyLayer(sizes, oneRope(reader, sizes)),
          windows: windowsOf(types, window),
        };
      },
    }));

/** Part `gemma2`: models of the type `gemma2`. */
export const gemma2: ModelPart = defineModel(
  "gemma2",
  "Gemma 2",
  gemma2With,
);
