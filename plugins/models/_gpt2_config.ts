/**
 * The config of a GPT-2. Read, but without effect by themselves: `attn_pdrop`, `embd_pdrop`, `resid_pdrop` (a run
 * asks for them by `model.dropout`, where transformers applies them always), `reorder_and_upcast_attn` (the same
 * numbers in float32) and everything about summaries.
 * @module
 */
import {
  type Activation,
  type Activations,
  completed,
  ConfigReader,
  type Json,
  type ModelDropout,
  type RawConfig,
  showValue,
} from "@denotune/denotune/core";

/** A GPT-2 in numbers. */
export interface Gpt2Config {
  readonly vocabSize: number;
  readonly positions: number;
  readonly hiddenSize: number;
  readonly innerSize: number;
  readonly layers: number;
  readonly heads: number;
  /** The function between the two layers of the MLP. */
  readonly activation: Activation;
  readonly eps: number;
  readonly tied: boolean;
  /** Attention scores are divided by the square root of the head size. */
  readonly scaled: boolean;
  /** And by the number of the layer, counted from 1. */
  readonly scaledByLayer: boolean;
  readonly std: number;
  readonly dropout: ModelDropout;
  readonly json: { readonly [key: string]: Json };
}

/** Names that other models use for the same sizes; transformers takes both. */
const ALIASES = {
  hidden_size: "n_embd",
  num_attention_heads: "n_head",
  num_hidden_layers: "n_layer",
  max_position_embeddings: "n_positions",
} as const;

/** Reads a config. Throws `ConfigError` that names every setting that cannot be followed. */
export function readGpt2Config(
  raw: RawConfig,
  activations: Activations,
): Gpt2Config {
  const config: Record<string, unknown> = { ...raw };
  const reader = new ConfigReader(config, "gpt2");
  if (raw.model_type !== "gpt2") {
    reader.problem(
      `model_type is ${showValue(raw.model_type)}; supported: gpt2`,
    );
  }
  for (const [alias, name] of Object.entries(ALIASES)) {
    if (config[alias] === undefined) continue;
    if (config[name] !== undefined && config[name] !== config[alias]) {
      reader.problem(
        `${alias} ${showValue(config[alias])} and ${name} ${
          showValue(config[name])
        } are two names of one size`,
      );
    }
    config[name] ??= config[alias];
    delete config[alias];
  }
  const hiddenSize = reader.count("n_embd");
  const heads = reader.count("n_head");
  if (hiddenSize % heads !== 0) {
    reader.problem(`n_embd ${hiddenSize} is no multiple of n_head ${heads}`);
  }
  const read = {
    vocabSize: reader.count("vocab_size"),
    positions: reader.count("n_positions", 1024),
    hiddenSize,
    innerSize: reader.countOrNull("n_inner", null) ?? 4 * hiddenSize,
    layers: reader.layers("n_layer"),
    heads,
    activation: reader.activation(
      "activation_function",
      "gelu_new",
      activations,
    ),
    eps: reader.number("layer_norm_epsilon", 1e-5),
    tied: reader.flag("tie_word_embeddings", true),
    scaled: reader.flag("scale_attn_weights", true),
    scaledByLayer: reader.flag("scale_attn_by_inverse_layer_idx", false),
    std: reader.number("initializer_range", 0.02, { zero: true }),
    dropout: {
      embedding: reader.number("embd_pdrop", 0.1, { zero: true }),
      attention: reader.number("attn_pdrop", 0.1, { zero: true }),
      residual: reader.number("resid_pdrop", 0.1, { zero: true }),
    },
  };
  reader.done();
  return {
    ...read,
    json: completed(config, {
      architectures: ["GPT2LMHeadModel"],
      n_positions: read.positions,
      activation_function: "gelu_new",
      layer_norm_epsilon: read.eps,
      tie_word_embeddings: read.tied,
      scale_attn_weights: read.scaled,
      scale_attn_by_inverse_layer_idx: read.scaledByLayer,
      initializer_range: read.std,
    }),
  };
}
