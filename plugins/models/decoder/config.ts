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
  type RopeReading,
  type RopeScaling,
  showValue,
} from "@denotune/denotune/core";
import type { DecoderConfig, DecoderNames } from "./types.ts";

/** The names that most families have: norms before attention and MLP, three projections, a gate beside `up`. */
export const NAMES: DecoderNames = {
  root: "model",
  lastNorm: "norm",
  norms: {
    beforeAttention: "input_layernorm",
    afterAttention: null,
    beforeMlp: "post_attention_layernorm",
    afterMlp: null,
  },
  qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  qkNorms: ["self_attn.q_norm", "self_attn.k_norm"],
  output: "self_attn.o_proj",
  gateUp: ["mlp.gate_proj", "mlp.up_proj"],
  down: "mlp.down_proj",
};

/** Defaults in which families differ. */
export interface DecoderDefaults {
  readonly modelType: string;
  readonly architecture: string;
  readonly kvHeads: number | null;
  /** Columns of a head where the config does not say; absent: hidden_size / num_attention_heads. */
  readonly headDim?: number;
  readonly maxPositions: number;
  readonly eps: number;
  /** Key of eps; absent: `rms_norm_eps`. */
  readonly epsKey?: string;
  readonly tied: boolean;
  /** Key and default of the activation; absent: `hidden_act`, `silu`. */
  readonly activation?: { readonly key: string; readonly name: string };
  /** Whether `attention_bias` is a setting of the family; absent: it is. */
  readonly attentionBias?: boolean;
  /** Whether `mlp_bias` is a setting of the family. */
  readonly mlpBias: boolean;
  /** Sizes of a config that leaves them out; absent: they must be there. */
  readonly sizes?: {
    readonly vocabSize: number;
    readonly hiddenSize: number;
    readonly intermediateSize: number;
    readonly layers: number;
    readonly heads: number;
  };
}

/** Sizes that a family's own settings depend on. */
export interface DecoderSizes {
  readonly layers: number;
  readonly headDim: number;
  readonly hiddenSize: number;
  readonly maxPositions: number;
}

/** What a family reads besides. */
export type DecoderRest = Pick<
  DecoderConfig,
  | "names"
  | "ropes"
  | "queryScale"
  | "windows"
  | "mixers"
  | "normOffset"
  | "qkNorm"
  | "factors"
  | "scoreCap"
  | "logits"
  | "headBias"
  | "floats"
  | "bidirectional"
  | "gguf"
>;

/** The same for every layer. */
export function everyLayer<T>({ layers }: { layers: number }, value: T): T[] {
  return Array.from({ length: layers }, () => value);
}

/** Settings of a plain decoder whose layers turn as `rope` says (null: each has settings of its own). */
export function plainRest(
  sizes: DecoderSizes,
  rope: RopeScaling | null,
): DecoderRest {
  return {
    names: NAMES,
    ropes: everyLayer(sizes, rope),
    queryScale: null,
    windows: everyLayer(sizes, null),
    normOffset: 0,
    qkNorm: "none",
    factors: {
      embedding: 1,
      scores: 1 / Math.sqrt(sizes.headDim),
      residual: 1,
    },
    scoreCap: null,
    logits: null,
  };
}

/** Rotary settings that hold for every layer. */
export function oneRope(
  reader: ConfigReader,
  { maxPositions, headDim }: DecoderSizes,
  options: Partial<RopeReading> = {},
): RopeScaling {
  return readRope(reader, { maxPositions, headDim, ...options });
}

/** Reads a decoder; `rest` reads what is special, before keys that nobody read are refused. */
export function readDecoder(
  config: RawConfig,
  defaults: DecoderDefaults,
  { activations, rest }: {
    readonly activations: Activations;
    rest(reader: ConfigReader, sizes: DecoderSizes): DecoderRest & {
      /** Width of the MLP, where the config says it in its own way. */
      readonly intermediateSize?: number;
      /** Whether the head is the embedding, likewise. */
      readonly tied?: boolean;
    };
  },
): DecoderConfig {
  const { modelType, sizes } = defaults;
  const reader = new ConfigReader(config, modelType);
  if (reader.raw("model_type") !== modelType) {
    throw reader.last(
      `model_type is ${
        showValue(config.model_type)
      }; supported here: ${modelType}`,
    );
  }
  const hiddenSize = reader.count("hidden_size", sizes?.hiddenSize);
  const layers = reader.layers("num_hidden_layers", sizes?.layers);
  const { heads, kvHeads, headDim } = readHeads(reader, defaults, hiddenSize);
  const maxPositions = reader.count(
    "max_position_embeddings",
    defaults.maxPositions,
  );
  const attention = defaults.attentionBias !== false &&
    reader.flag("attention_bias", false);
  const { key, name } = defaults.activation ??
    { key: "hidden_act", name: "silu" };
  const read = {
    modelType,
    vocabSize: reader.count("vocab_size", sizes?.vocabSize),
    hiddenSize,
    intermediateSize: reader.count(
      "intermediate_size",
      sizes?.intermediateSize,
    ),
    layers,
    heads,
    kvHeads,
    headDim,
    eps: reader.number(defaults.epsKey ?? "rms_norm_eps", defaults.eps),
    maxPositions,
    tied: reader.flag("tie_word_embeddings", defaults.tied),
    std: reader.number("initializer_range", 0.02, { zero: true }),
    activation: reader.activation(key, name, activations),
    biases: {
      qkv: attention,
      output: attention,
      mlp: defaults.mlpBias && reader.flag("mlp_bias", false),
    },
    ...rest(reader, { layers, headDim, hiddenSize, maxPositions }),
  };
  reader.done();
  return {
    ...read,
    json: completed(config, {
      architectures: [defaults.architecture],
      num_key_value_heads: kvHeads,
      max_position_embeddings: maxPositions,
      [defaults.epsKey ?? "rms_norm_eps"]: read.eps,
      tie_word_embeddings: read.tied,
    }),
  };
}

/** Heads, and what they hold. */
export function readHeads(
  reader: ConfigReader,
  { kvHeads: absent, headDim: usual, sizes }: Pick<
    DecoderDefaults,
    "kvHeads" | "headDim" | "sizes"
  >,
  hiddenSize: number,
): { heads: number; kvHeads: number; headDim: number } {
  const heads = reader.count("num_attention_heads", sizes?.heads);
  // null means as many as heads everywhere; an absent key does so for some
  const kvHeads = reader.countOrNull("num_key_value_heads", absent) ?? heads;
  if (heads % kvHeads !== 0) {
    const byDefault = reader.raw("num_key_value_heads") === undefined
      ? ` (the default of ${reader.modelType}; set it)`
      : "";
    reader.problem(
      `num_attention_heads ${heads} is no multiple of num_key_value_heads ${kvHeads}${byDefault}`,
    );
  }
  const given = reader.countOrNull("head_dim", null) ?? usual ?? null;
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
  return { heads, kvHeads, headDim };
}
