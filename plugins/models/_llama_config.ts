/**
 * The config of a Llama-like model. An absent key takes the default that transformers has for that
 * `model_type`; sizes without which a model is no model must be there. Read, but without effect here:
 * `attention_dropout` (which counts where a run asks for it by `model.dropout`) and `pretraining_tp` (how the same product was
 * once cut).
 * @module
 */
import {
  type Activations,
  completed,
  ConfigReader,
  type RawConfig,
  showValue,
} from "@denotune/denotune/core";
import { oneRope, plainRest, readHeads } from "./decoder/config.ts";
import type { DecoderConfig, GgufFamily } from "./decoder/types.ts";

/** How llama.cpp computes a Llama. */
const LLAMA_GGUF: GgufFamily = {
  architecture: "llama",
  adjacent: true,
  frequencies: "one",
  biases: { qkv: true, output: true, mlp: true },
  freeHeads: true,
};

/** How the families differ: defaults of absent keys, and which settings they have. */
const FAMILIES = {
  llama: {
    architecture: "LlamaForCausalLM",
    kvHeads: null,
    headDim: undefined,
    maxPositions: 2048,
    window: "none",
    qkNorm: false,
    gguf: LLAMA_GGUF,
  },
  mistral: {
    architecture: "MistralForCausalLM",
    kvHeads: 8,
    headDim: undefined,
    maxPositions: 131072,
    window: "every layer",
    qkNorm: false,
    gguf: LLAMA_GGUF,
  },
  qwen2: {
    architecture: "Qwen2ForCausalLM",
    kvHeads: 32,
    headDim: undefined,
    maxPositions: 32768,
    window: "some layers",
    qkNorm: false,
    gguf: { architecture: "qwen2", biases: { qkv: true } },
  },
  qwen3: {
    architecture: "Qwen3ForCausalLM",
    kvHeads: 32,
    headDim: 128,
    maxPositions: 32768,
    window: "some layers",
    qkNorm: true,
    gguf: { architecture: "qwen3", qkNorm: "each head", freeHeads: true },
  },
} as const;

/** A `model_type` of this family. */
export type LlamaType = keyof typeof FAMILIES;

/** Every `model_type` of this family. */
export const LLAMA_TYPES: readonly LlamaType[] = [
  "llama",
  "mistral",
  "qwen2",
  "qwen3",
];

/** Reads a config. Throws `ConfigError` that names every setting that cannot be followed. */
export function readLlamaConfig(
  config: RawConfig,
  activations: Activations,
): DecoderConfig {
  const modelType = LLAMA_TYPES.find((t) => t === config.model_type);
  const reader = new ConfigReader(config, modelType ?? "llama");
  if (modelType === undefined) {
    throw reader.last(
      `model_type is ${showValue(config.model_type)}; supported here: ${
        LLAMA_TYPES.join(", ")
      }`,
    );
  }
  const family = FAMILIES[modelType];
  const hiddenSize = reader.count("hidden_size");
  const layers = reader.layers("num_hidden_layers");
  const { heads, kvHeads, headDim } = readHeads(reader, family, hiddenSize);
  const maxPositions = reader.count(
    "max_position_embeddings",
    family.maxPositions,
  );
  const eps = reader.number("rms_norm_eps", 1e-6);
  const std = reader.number("initializer_range", 0.02, { zero: true });
  const tied = reader.flag("tie_word_embeddings", false);
  const sizes = { layers, headDim, hiddenSize, maxPositions };
  const rope = oneRope(reader, sizes);
  const biases = readBiases(reader, modelType);
  const windows = readWindows(reader, family.window, layers);
  const activation = reader.activation("hidden_act", "silu", activations);
  const vocabSize = reader.count("vocab_size");
  const intermediateSize = reader.count("intermediate_size");
  reader.done();
  return {
    modelType,
    vocabSize,
    hiddenSize,
    intermediateSize,
    layers,
    heads,
    kvHeads,
    headDim,
    eps,
    maxPositions,
    tied,
    biases,
    activation,
    std,
    ...plainRest(sizes, rope),
    qkNorm: family.qkNorm ? "each head" : "none",
    windows,
    gguf: family.gguf,
    json: completed(config, {
      architectures: [family.architecture],
      num_key_value_heads: kvHeads,
      head_dim: headDim,
      hidden_act: "silu",
      max_position_embeddings: maxPositions,
      rms_norm_eps: eps,
      initializer_range: std,
      tie_word_embeddings: tied,
      ...(config.rope_parameters == null
        ? { rope_theta: rope.theta, rope_scaling: null }
        : {}),
      ...(modelType === "mistral" ? { sliding_window: windows[0] } : {}),
    }),
  };
}

function readBiases(
  reader: ConfigReader,
  modelType: LlamaType,
): DecoderConfig["biases"] {
  if (modelType === "llama") {
    const attention = reader.flag("attention_bias", false);
    return {
      qkv: attention,
      output: attention,
      mlp: reader.flag("mlp_bias", false),
    };
  }
  if (modelType === "qwen3") {
    const attention = reader.flag("attention_bias", false);
    return { qkv: attention, output: attention, mlp: false };
  }
  // qwen2 has its biases whatever `attention_bias` says; transformers does not read the key
  if (modelType === "qwen2") reader.ignore("attention_bias");
  return { qkv: modelType === "qwen2", output: false, mlp: false };
}

/** The window of each layer. */
function readWindows(
  reader: ConfigReader,
  kind: "none" | "every layer" | "some layers",
  layers: number,
): (number | null)[] {
  const types = reader.layerTypes(layers, [
    "full_attention",
    "sliding_attention",
  ]);
  const all = (window: number | null) =>
    Array.from({ length: layers }, () => window);
  if (kind === "none") {
    if (types?.includes("sliding_attention")) {
      reader.problem(
        "layer_types names sliding_attention, which a llama has not",
      );
    }
    return all(null);
  }
  const window = reader.countOrNull("sliding_window", 4096);
  if (kind === "every layer") {
    const implied = window === null ? "full_attention" : "sliding_attention";
    if (types?.some((t) => t !== implied)) {
      reader.problem(
        `layer_types is ${
          showValue(types)
        }; a mistral has one kind of attention for all layers (here ${implied})`,
      );
    }
    return all(window);
  }
  const used = reader.flag("use_sliding_window", false) ? window : null;
  const first = reader.raw("max_window_layers") === 0
    ? 0
    : reader.count("max_window_layers", 28);
  if (types === null) {
    return all(null).map((_, i) => i >= first ? used : null);
  }
  if (used === null && types.includes("sliding_attention")) {
    reader.problem(
      "layer_types names sliding_attention, but there is no window: use_sliding_window or sliding_window is off",
    );
  }
  return types.map((t) => t === "sliding_attention" ? used : null);
}
