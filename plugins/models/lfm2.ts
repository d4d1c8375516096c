/**
 * LFM2 (Liquid AI): gated short convolutions in most layers, attention in the others.
 *
 * ```text
 * b, c, y = in_proj(h)        mixed = c * convolution(b * y)
 * ```
 *
 * @module
 */
import {
  type Activations,
  addRow,
  type Architecture,
  type ConfigReader,
  elementwise,
  type ModelFamily,
  showValue,
  splitColumns,
} from "@denotune/denotune/core";
import { gguf, type Refusals } from "./decoder/gguf_layout.ts";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import {
  type DecoderSizes,
  NAMES,
  oneRope,
  plainRest,
  readDecoder,
} from "./decoder/config.ts";
import type { DecoderConfig, DecoderNames, Mixer } from "./decoder/types.ts";

const LFM2: ModelFamily = {
  modelType: "lfm2",
  sizes: "350M to 2.6B",
  special: "gated short convolutions in most layers",
  popular: [
    {
      id: "LiquidAI/LFM2-350M",
      millions: 354,
      template: "chatml",
      stop: ["<|im_end|>"],
    },
    {
      id: "LiquidAI/LFM2-700M",
      millions: 742,
      template: "chatml",
      stop: ["<|im_end|>"],
    },
    {
      id: "LiquidAI/LFM2-1.2B",
      millions: 1170,
      template: "chatml",
      stop: ["<|im_end|>"],
    },
    {
      id: "LiquidAI/LFM2-2.6B",
      millions: 2570,
      template: "chatml",
      stop: ["<|im_end|>"],
    },
  ],
};

const LFM2_NAMES: DecoderNames = {
  ...NAMES,
  lastNorm: "embedding_norm",
  norms: {
    beforeAttention: "operator_norm",
    afterAttention: null,
    beforeMlp: "ffn_norm",
    afterMlp: null,
  },
  qkNorms: ["self_attn.q_layernorm", "self_attn.k_layernorm"],
  output: "self_attn.out_proj",
  gateUp: ["feed_forward.w1", "feed_forward.w3"],
  down: "feed_forward.w2",
};

/** LFM2, with the activations that its configs may name. */
export const lfm2With: (activations: Activations) => Architecture = decoderWith(
  LFM2,
  (config, activations) =>
    withLayerTypes(readDecoder(config, {
      modelType: "lfm2",
      architecture: "Lfm2ForCausalLM",
      kvHeads: 8,
      maxPositions: 128000,
      eps: 1e-5,
      epsKey: "norm_eps",
      tied: true,
      attentionBias: false,
      mlpBias: false,
      sizes: {
        vocabSize: 65536,
        hiddenSize: 2560,
        intermediateSize: 12288,
        layers: 32,
        heads: 32,
      },
    }, { activations, rest })),
);

/** Names the types of layers in what is saved: transformers.js reads nothing else. */
function withLayerTypes(c: DecoderConfig): DecoderConfig {
  const types = c.mixers?.map((mixer) =>
    mixer === null ? "full_attention" : "conv"
  );
  return types === undefined || Array.isArray(c.json.layer_types)
    ? c
    : { ...c, json: { ...c.json, layer_types: types } };
}

/** Keys of Liquid AI's own files that transformers does not read. */
const UNREAD = [
  "block_dim",
  "block_mlp_init_scale",
  "block_norm_eps",
  "block_out_init_scale",
  "block_use_swiglu",
  "block_use_xavier_init",
  "conv_dim",
  "conv_dim_out",
  "conv_use_xavier_init",
  "num_heads",
  "use_pos_enc",
  "theta",
];

function rest(reader: ConfigReader, sizes: DecoderSizes) {
  reader.ignore(...UNREAD);
  reader.refuse({ hidden_act: ["silu", "swish"] }); // transformers does not read it
  const bias = reader.flag("conv_bias", false);
  const taps = reader.count("conv_L_cache", 3);
  if (taps < 2) {
    reader.problem(`conv_L_cache is ${taps}; at least 2 are needed`);
  }
  const mixer = convolve({ taps, bias });
  return {
    ...plainRest(sizes, oneRope(reader, sizes, { theta: 1000000 })),
    names: LFM2_NAMES,
    gguf: {
      architecture: "lfm2",
      qkNorm: "each head",
      lastNorm: "token_embd_norm",
      mixers: {
        "conv.in_proj.weight": { name: "blk.*.shortconv.in_proj.weight" },
        "conv.conv.weight": {
          name: "blk.*.shortconv.conv.weight",
          exact: true,
        },
        "conv.out_proj.weight": { name: "blk.*.shortconv.out_proj.weight" },
      },
      settings(_: DecoderConfig, refused: Refusals) {
        refused.unless(!bias, "biases of convolutions");
        return { "shortconv.l_cache": gguf.u32(taps) };
      },
    },
    qkNorm: "each head",
    mixers: readLayers(reader, sizes).map((isAttention) =>
      isAttention ? null : mixer
    ),
    intermediateSize: readWidth(reader),
    tied: reader.flag(
      reader.raw("tie_embedding") === undefined
        ? "tie_word_embeddings"
        : "tie_embedding",
      true,
    ),
  } as const;
}

/** Whether each layer has attention. */
function readLayers(
  reader: ConfigReader,
  { layers }: DecoderSizes,
): readonly boolean[] {
  const kinds = reader.layerTypes(layers, ["full_attention", "conv"]);
  const listed = reader.raw("full_attn_idxs") ?? null;
  if (kinds !== null) return kinds.map((kind) => kind === "full_attention");
  if (
    listed !== null &&
    !(Array.isArray(listed) && listed.every((i) => Number.isSafeInteger(i)))
  ) {
    reader.problem(
      `full_attn_idxs is ${showValue(listed)}; a list of layers is needed`,
    );
  }
  return Array.from(
    { length: layers },
    (_, i) => Array.isArray(listed) ? listed.includes(i) : true,
  );
}

/** Width of the MLP: two thirds of what the config says, rounded up to a multiple, unless it is to be taken as it is. */
function readWidth(reader: ConfigReader): number {
  const given = reader.raw("block_ff_dim") === undefined
    ? reader.count("intermediate_size")
    : reader.count("block_ff_dim");
  const multiple = reader.count("block_multiple_of", 256);
  const factor = reader.numberOrNull("block_ffn_dim_multiplier", 1);
  if (!reader.flag("block_auto_adjust_ff_dim", true)) return given;
  const width = Math.trunc(2 * given / 3);
  if (factor === null) return width;
  return multiple * Math.ceil(Math.trunc(factor * width) / multiple);
}

/** A convolution over the last tokens, gated before and behind: (N, C) -> (N, C). */
function convolve(
  { taps, bias }: { readonly taps: number; readonly bias: boolean },
): Mixer {
  return ({ builder, c, layer, linear }, h) => {
    const { graph } = builder;
    const C = c.hiddenSize;
    const at = `model.layers.${layer}.conv`;
    const all = linear(h, { name: "conv.in_proj", out: 3 * C, bias });
    const [before, behind, y] = splitColumns(graph, all, [C, C, C]);
    const init = { kind: "uniform", bound: 1 / Math.sqrt(taps) } as const;
    const weight = builder.parameter({
      name: `${at}.conv.weight`,
      shape: [C, 1, taps],
      init,
    });
    const shift = bias
      ? builder.parameter({ name: `${at}.conv.bias`, shape: [C], init })
      : null;
    const gated = elementwise(graph, [before, y], (b, v) => b.mul(v));
    const seen = builder.convolution(at, gated, weight);
    const shifted = shift === null ? seen : addRow(graph, seen, shift);
    return {
      mixed: elementwise(graph, [behind, shifted], (g, v) => g.mul(v)),
      output: { name: "conv.out_proj", out: C, bias },
    };
  };
}

/** Part `lfm2`: models of the type `lfm2`. */
export const lfm2: ModelPart = defineModel(
  "lfm2",
  "LFM2",
  lfm2With,
);
