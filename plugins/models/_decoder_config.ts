/**
 * What families of dense decoders read from a `config.json` under the same keys.
 * @module
 */
import {
  type Activations,
  completed,
  ConfigReader,
  type RawConfig,
  readRope,
  showValue,
} from "@denotune/denotune/core";
import type { DecoderConfig } from "./_decoder.ts";

/** Defaults in which families differ. */
export interface DecoderDefaults {
  readonly modelType: string;
  readonly architecture: string;
  readonly kvHeads: number | null;
  readonly maxPositions: number;
  /** Base of the rotary frequencies; absent: 10000. */
  readonly theta?: number;
  readonly eps: number;
  readonly tied: boolean;
  /** Whether `mlp_bias` is a setting of the family. */
  readonly mlpBias: boolean;
}

/** What a family reads besides. */
export type DecoderRest = Pick<
  DecoderConfig,
  | "turned"
  | "windows"
  | "norms"
  | "qkNorm"
  | "factors"
  | "logits"
  | "headBias"
  | "bidirectional"
>;

/** Settings of a plain decoder: norms before, every layer turned, no window, no factor. */
export function plainRest(
  { layers, headDim }: { layers: number; headDim: number },
): DecoderRest {
  const all = <T>(value: T) => Array.from({ length: layers }, () => value);
  return {
    turned: all(true),
    windows: all(null),
    norms: "before",
    qkNorm: false,
    factors: { embedding: 1, scores: 1 / Math.sqrt(headDim), residual: 1 },
    logits: null,
  };
}

/** Reads a decoder; `rest` reads what is special, before keys that nobody read are refused. */
export function readDecoder(
  config: RawConfig,
  defaults: DecoderDefaults,
  { activations, rest }: {
    readonly activations: Activations;
    rest(
      reader: ConfigReader,
      sizes: { readonly layers: number; readonly headDim: number },
    ): DecoderRest;
  },
): DecoderConfig {
  const { modelType } = defaults;
  const reader = new ConfigReader(config, modelType);
  if (reader.raw("model_type") !== modelType) {
    throw reader.last(
      `model_type is ${
        showValue(config.model_type)
      }; supported here: ${modelType}`,
    );
  }
  const hiddenSize = reader.count("hidden_size");
  const layers = reader.layers("num_hidden_layers");
  const heads = reader.count("num_attention_heads");
  const kvHeads = reader.countOrNull("num_key_value_heads", defaults.kvHeads) ??
    heads;
  if (heads % kvHeads !== 0) {
    reader.problem(
      `num_attention_heads ${heads} is no multiple of num_key_value_heads ${kvHeads}`,
    );
  }
  const given = reader.countOrNull("head_dim", null);
  if (given === null && hiddenSize % heads !== 0) {
    reader.problem(
      `hidden_size ${hiddenSize} is no multiple of num_attention_heads ${heads}, and head_dim is not given`,
    );
  }
  const headDim = given ?? Math.max(2, Math.floor(hiddenSize / heads));
  if (headDim % 2 !== 0) {
    reader.problem(
      `head_dim ${headDim} is odd: rotary positions turn pairs of columns`,
    );
  }
  const maxPositions = reader.count(
    "max_position_embeddings",
    defaults.maxPositions,
  );
  const read = {
    modelType,
    vocabSize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers,
    heads,
    kvHeads,
    headDim,
    eps: reader.number("rms_norm_eps", defaults.eps),
    maxPositions,
    tied: reader.flag("tie_word_embeddings", defaults.tied),
    std: reader.number("initializer_range", 0.02, { zero: true }),
    activation: reader.activation("hidden_act", "silu", activations),
    attentionBias: reader.flag("attention_bias", false),
    mlpBias: defaults.mlpBias && reader.flag("mlp_bias", false),
    rope: readRope(reader, { maxPositions, headDim, theta: defaults.theta }),
    ...rest(reader, { layers, headDim }),
  };
  reader.done();
  return {
    ...read,
    json: completed(config, {
      architectures: [defaults.architecture],
      num_key_value_heads: kvHeads,
      max_position_embeddings: maxPositions,
      rms_norm_eps: read.eps,
      tie_word_embeddings: read.tied,
    }),
  };
}
