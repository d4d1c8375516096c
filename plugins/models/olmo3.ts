/**
 * OLMo 3: OLMo 2 with a window in three of four layers.
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
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import { plainRest, readDecoder } from "./decoder/config.ts";
import {
  readLayerRopes,
  readLayerTypes,
  windowsOf,
} from "./decoder/layer_ropes.ts";
import { OLMO_GGUF, OLMO_NAMES } from "./olmo2.ts";

const OLMO3: ModelFamily = {
  modelType: "olmo3",
  sizes: "7B, 32B",
  special: "OLMo 2 with a window in three of four layers",
  popular: [
    {
      id: "allenai/Olmo-3-1025-7B",
      millions: 7298,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "allenai/Olmo-3-7B-Instruct",
      millions: 7298,
      template: "chatml",
      stop: ["<|im_end|>"],
    },
  ],
};

const THETA = 500000;

/** OLMo 3, with the activations that its configs may name. */
export const olmo3With: (activations: Activations) => Architecture =
  decoderWith(OLMO3, (config, activations) =>
    readDecoder(config, {
      modelType: "olmo3",
      architecture: "Olmo3ForCausalLM",
      kvHeads: null,
      maxPositions: 2048,
      eps: 1e-5,
      tied: false,
      mlpBias: false,
    }, {
      activations,
      rest(reader, sizes) {
        refuseOneBase(reader);
        const types = readLayerTypes(
          reader,
          sizes,
          (i) => (i + 1) % 4 === 0 ? "full_attention" : "sliding_attention",
        );
        return {
          ...plainRest(sizes, null),
          names: OLMO_NAMES,
          qkNorm: "all heads",
          gguf: OLMO_GGUF,
          ropes: readLayerRopes(reader, sizes, {
            types,
            bases: {
              full_attention: { key: "rope_theta", theta: THETA },
              sliding_attention: { key: null, theta: THETA },
            },
          }),
          windows: windowsOf(types, reader.count("sliding_window", 4096)),
        };
      },
    }));

/** transformers gives one base to the layers with full attention only: whether both were meant, nobody can know. */
function refuseOneBase(reader: ConfigReader): void {
  const theta = reader.raw("rope_theta") ?? THETA;
  const parameters = reader.raw("rope_parameters");
  const own = isPlainObject(parameters)
    ? parameters.sliding_attention
    : undefined;
  if (theta === THETA || isPlainObject(own) && own.rope_theta !== undefined) {
    return;
  }
  reader.problem(
    `rope_theta is ${
      showValue(theta)
    }, and transformers gives layers with a window ${THETA} all the same; write rope_parameters with a rope_theta for full_attention and for sliding_attention`,
  );
}

/** Part `olmo3`: models of the type `olmo3`. */
export const olmo3: ModelPart = defineModel(
  "olmo3",
  "OLMo 3",
  olmo3With,
);
