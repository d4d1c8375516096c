/**
 * Ministral 3: a Mistral whose queries grow with the logarithm of their position beyond the first training.
 * @module
 */
import {
  type Activations,
  type Architecture,
  type ConfigReader,
  isPlainObject,
  type ModelFamily,
  showValue,
} from "@denotune/denotune/core";
import { gguf } from "./decoder/gguf_layout.ts";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import {
  type DecoderRest,
  type DecoderSizes,
  everyLayer,
  oneRope,
  plainRest,
  readDecoder,
} from "./decoder/config.ts";

const MINISTRAL3: ModelFamily = {
  modelType: "ministral3",
  sizes: "3B to 14B",
  special: "yarn, queries that grow with their position",
  popular: [],
};

const BETA = "llama_4_scaling_beta";

/** Rotary settings of a config that has none. */
const ROPE = {
  rope_type: "yarn",
  rope_theta: 1000000,
  factor: 16,
  original_max_position_embeddings: 16384,
  beta_fast: 32,
  beta_slow: 1,
  mscale_all_dim: 1,
  mscale: 1,
  [BETA]: 0.1,
};

/** Ministral 3, with the activations that its configs may name. */
export const ministral3With: (activations: Activations) => Architecture =
  decoderWith(MINISTRAL3, (config, activations) =>
    readDecoder(config, {
      modelType: "ministral3",
      architecture: "Ministral3ForCausalLM",
      kvHeads: 8,
      headDim: 128,
      maxPositions: 262144,
      eps: 1e-5,
      tied: false,
      attentionBias: false,
      mlpBias: false,
    }, { activations, rest }));

function rest(reader: ConfigReader, sizes: DecoderSizes): DecoderRest {
  const rope = oneRope(reader, sizes, {
    absent: ROPE,
    keys: [BETA, "max_position_embeddings"],
  });
  return {
    ...plainRest(sizes, rope),
    gguf: {
      architecture: "mistral3",
      adjacent: true,
      frequencies: "one",
      freeHeads: true,
      settings: () => ({
        "attention.temperature_scale": gguf.f32(betaOf(reader)),
        // llama.cpp takes the positions of the first training from here
        "rope.scaling.original_context_length": gguf.u32(
          "originalPositions" in rope ? rope.originalPositions : 0,
        ),
      }),
    },
    queryScale: readQueryScale(
      reader,
      "originalPositions" in rope ? rope.originalPositions : null,
    ),
    windows: everyLayer(sizes, reader.countOrNull("sliding_window", null)),
  };
}

/** The share of the logarithm that queries grow by. */
function betaOf(reader: ConfigReader): number {
  const settings = reader.raw("rope_scaling") ??
    reader.raw("rope_parameters") ?? ROPE;
  const beta = isPlainObject(settings) ? settings[BETA] : undefined;
  return typeof beta === "number" ? beta : 0;
}

/** 1 + beta * ln(1 + floor(position / positions of the first training)), rounded as transformers rounds it. */
function readQueryScale(
  reader: ConfigReader,
  original: number | null,
): (position: number) => number {
  const scaling = reader.raw("rope_scaling");
  const isNone = !isPlainObject(scaling) || Object.keys(scaling).length === 0;
  const settings = isNone ? reader.raw("rope_parameters") ?? ROPE : scaling;
  const beta = isPlainObject(settings) ? settings[BETA] : undefined;
  if (typeof beta !== "number" || original === null) {
    reader.problem(
      `rope_parameters.${BETA} is ${
        showValue(beta)
      }; a number is needed, with original_max_position_embeddings of a type that has it (yarn)`,
    );
    return () => 1;
  }
  const f = Math.fround;
  return (position) =>
    f(1 + f(f(beta) * f(Math.log(1 + Math.floor(f(position / original))))));
}

/** Part `ministral3`: models of the type `ministral3`. */
export const ministral3: ModelPart = defineModel(
  "ministral3",
  "The text model of Ministral 3",
  ministral3With,
);
