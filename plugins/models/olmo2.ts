/**
 * OLMo 2 (arXiv:2501.00656): norms behind attention and MLP, and over all queries and all keys.
 * @module
 */
import type {
  Activations,
  Architecture,
  ModelFamily,
} from "@denotune/denotune/core";
import type { DecoderNames, GgufFamily } from "./decoder/types.ts";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import { NAMES, oneRope, plainRest, readDecoder } from "./decoder/config.ts";

const OLMO2: ModelFamily = {
  modelType: "olmo2",
  sizes: "1B to 32B",
  special: "norms behind attention and MLP, and over all queries and keys",
  popular: [
    {
      id: "allenai/OLMo-2-0425-1B",
      millions: 1485,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "allenai/OLMo-2-0425-1B-Instruct",
      millions: 1485,
      template: "tokenizer",
      stop: ["<|endoftext|>"],
    },
    {
      id: "allenai/OLMo-2-1124-7B",
      millions: 7299,
      template: null,
      stop: ["<|endoftext|>"],
    },
  ],
};

/** Norms behind attention and MLP. */
export const OLMO_NAMES: DecoderNames = {
  ...NAMES,
  norms: {
    beforeAttention: null,
    afterAttention: "post_attention_layernorm",
    beforeMlp: null,
    afterMlp: "post_feedforward_layernorm",
  },
};

/** How llama.cpp computes OLMo 2 and 3. */
export const OLMO_GGUF: GgufFamily = {
  architecture: "olmo2",
  qkNorm: "all heads",
  windows: true,
  head: "own",
};

/** OLMo 2, with the activations that its configs may name. */
export const olmo2With: (activations: Activations) => Architecture =
  decoderWith(OLMO2, (config, activations) =>
    readDecoder(config, {
      modelType: "olmo2",
      architecture: "Olmo2ForCausalLM",
      kvHeads: null,
      maxPositions: 2048,
      eps: 1e-5,
      tied: false,
      mlpBias: false,
    }, {
      activations,
      rest: (reader, sizes) => ({
        ...plainRest(sizes, oneRope(reader, sizes)),
        names: OLMO_NAMES,
        qkNorm: "all heads",
        gguf: OLMO_GGUF,
      }),
    }));

/** Part `olmo2`: models of the type `olmo2`. */
export const olmo2: ModelPart = defineModel(
  "olmo2",
  "OLMo 2",
  olmo2With,
);
