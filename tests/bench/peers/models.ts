/**
 * Models of the comparison, as `config.json` describes them: both sides make random weights of them.
 * @module
 */
import { findArchitecture } from "../../../core/run/open/open_model.ts";
import { creatingWith, type ModelSpec } from "@denotune/denotune/core";
import { builtinRegistry } from "../../run_harness.ts";

type Config = Readonly<Record<string, unknown>> & {
  readonly model_type: string;
};

/** No dropout: a step must do the same work on both sides. */
const GPT2 = {
  model_type: "gpt2",
  activation_function: "gelu_new",
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: true,
  resid_pdrop: 0,
  embd_pdrop: 0,
  attn_pdrop: 0,
};

/** Layers that are kept of models that are too large for a quick comparison: the last four. */
const KEPT = 4;

/** The last layers of a model whose layers are of several kinds. */
function cut(config: Config, kinds: readonly string[]): Config {
  return {
    ...config,
    num_hidden_layers: KEPT,
    layer_types: kinds.slice(-KEPT),
  };
}

/** Configs by name. */
export const MODELS = {
  "gpt2-124m": {
    ...GPT2,
    n_embd: 768,
    n_layer: 12,
    n_head: 12,
    n_positions: 1024,
    vocab_size: 50257,
  },
  "small-gpt": {
    ...GPT2,
    n_embd: 128,
    n_layer: 2,
    n_head: 4,
    n_positions: 64,
    vocab_size: 256,
    bos_token_id: 0,
    eos_token_id: 0,
  },
  // the model of examples/quickstart
  quickstart: {
    model_type: "llama",
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    vocab_size: 259,
    hidden_act: "silu",
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  "llama-135m": {
    model_type: "llama",
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    vocab_size: 49152,
    hidden_act: "silu",
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  "gemma3-270m": cut({
    model_type: "gemma3_text",
    vocab_size: 262144,
    hidden_size: 640,
    intermediate_size: 2048,
    num_attention_heads: 4,
    num_key_value_heads: 1,
    head_dim: 256,
    query_pre_attn_scalar: 256,
    sliding_window: 512,
    max_position_embeddings: 32768,
    hidden_activation: "gelu_pytorch_tanh",
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
  }, [
    "sliding_attention",
    "sliding_attention",
    "sliding_attention",
    "full_attention",
  ]),
  "lfm2-350m": cut({
    model_type: "lfm2",
    vocab_size: 65536,
    hidden_size: 1024,
    intermediate_size: 6656,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    max_position_embeddings: 128000,
    norm_eps: 1e-5,
    tie_word_embeddings: true,
  }, ["full_attention", "conv", "full_attention", "conv"]),
} satisfies Record<string, Config>;

/** Name of a model of the comparison. */
export type ModelName = keyof typeof MODELS;

/** What our engine builds of a config. */
export async function specOf(name: ModelName): Promise<ModelSpec> {
  const config: Config = MODELS[name];
  const architecture = await findArchitecture(
    config.model_type,
    creatingWith(builtinRegistry()),
    name,
  );
  return architecture.describe(config);
}
