/**
 * SmolLM3: a Llama of which every fourth layer has no positions (arXiv:2501.18795).
 * @module
 */
import {
  type Activations,
  type Architecture,
  type ConfigReader,
  type ModelFamily,
  showValue,
} from "@denotune/denotune/core";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import {
  type DecoderRest,
  type DecoderSizes,
  oneRope,
  plainRest,
  readDecoder,
} from "./decoder/config.ts";

const SMOLLM3: ModelFamily = {
  modelType: "smollm3",
  sizes: "3B",
  special: "every fourth layer without positions",
  popular: [
    {
      id: "HuggingFaceTB/SmolLM3-3B-Base",
      millions: 3075,
      template: null,
      stop: ["<|end_of_text|>"],
    },
    {
      id: "HuggingFaceTB/SmolLM3-3B",
      millions: 3075,
      template: "chatml",
      stop: ["<|im_end|>"],
    },
  ],
};

/** SmolLM3, with the activations that its configs may name. */
export const smollm3With: (activations: Activations) => Architecture =
  decoderWith(SMOLLM3, (config, activations) =>
    readDecoder(config, {
      modelType: "smollm3",
      architecture: "SmolLM3ForCausalLM",
      kvHeads: 4,
      maxPositions: 32768,
      eps: 1e-6,
      tied: true,
      mlpBias: true,
    }, { activations, rest: readLayers }));

/** Which layers have positions, and which a window. */
function readLayers(
  reader: ConfigReader,
  sizes: DecoderSizes,
): DecoderRest {
  const { layers } = sizes;
  reader.ignore("max_window_layers"); // of Qwen 2, in SmolLM3's own files
  const interval = reader.count("no_rope_layer_interval", 4);
  // 1: the layer has positions, whatever the key is called
  const given = reader.raw("no_rope_layers") ?? null;
  const isList = Array.isArray(given) && given.length === layers &&
    given.every((v) => v === 0 || v === 1);
  if (given !== null && !isList) {
    reader.problem(
      `no_rope_layers is ${showValue(given)}; ${layers} of 0 and 1 are needed`,
    );
  }
  const turned = Array.from(
    { length: layers },
    (_, i) => isList ? given[i] === 1 : (i + 1) % interval !== 0,
  );
  const size = reader.countOrNull("sliding_window", null);
  const window = reader.flag("use_sliding_window", false) ? size : null;
  const kinds = reader.layerTypes(layers, [
    "full_attention",
    "sliding_attention",
  ]);
  if (window === null && kinds?.includes("sliding_attention")) {
    reader.problem(
      "layer_types names sliding_attention, but there is no window: use_sliding_window or sliding_window is off",
    );
  }
  const windows = turned.map((isTurned, i) =>
    kinds === null
      ? (isTurned ? null : window)
      : kinds[i] === "sliding_attention"
      ? window
      : null
  );
  const rope = oneRope(reader, sizes, { theta: 2000000 });
  return {
    ...plainRest(sizes, rope),
    ropes: turned.map((isTurned) => isTurned ? rope : null),
    windows,
    gguf: {
      architecture: "smollm3",
      adjacent: true,
      noPositions: 4,
      biases: { qkv: true, output: true, mlp: true },
    },
  };
}

/** Part `smollm3`: models of the type `smollm3`. */
export const smollm3: ModelPart = defineModel(
  "smollm3",
  "SmolLM3",
  smollm3With,
);
