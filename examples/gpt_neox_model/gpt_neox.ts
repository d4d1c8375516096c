/**
 * GPT-NeoX (arXiv:2204.06745), of which Pythia is one, as a plugin: attention and MLP side by side, rotary positions
 * of a quarter of each head, and one product for queries, keys and values, head by head.
 *
 * @module
 */
import {
  type Activations,
  activationsOf,
  type Architecture,
  completed,
  ConfigReader,
  definePart,
  definePlugin,
  elementwise,
  type Json,
  type ModelBuilder,
  type ModelFamily,
  type ModelSpec,
  type Part,
  type Plugin,
  type RawConfig,
  readRope,
  reshape,
  rotaryColumns,
  rotaryTable,
  splitColumns,
  type Tensor,
} from "@denotune/denotune/core";
import { z } from "zod";

const EMBEDDING = "gpt_neox.embed_in";

/** The numbers of a `config.json`. */
function readConfig(config: RawConfig, activations: Activations) {
  const reader = new ConfigReader(config, "gpt_neox");
  if (reader.raw("model_type") !== "gpt_neox") {
    throw reader.last(`model_type is ${config.model_type}; known: gpt_neox`);
  }
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  if (hiddenSize % heads !== 0) {
    reader.problem(`hidden_size ${hiddenSize} of ${heads} heads`);
  }
  const maxPositions = reader.count("max_position_embeddings", 2048);
  const headDim = Math.max(1, Math.floor(hiddenSize / heads));
  const read = {
    hiddenSize,
    heads,
    headDim,
    maxPositions,
    layers: reader.layers("num_hidden_layers"),
    vocabSize: reader.count("vocab_size"),
    innerSize: reader.count("intermediate_size"),
    activation: reader.activation("hidden_act", "gelu", activations),
    eps: reader.number("layer_norm_eps", 1e-5),
    std: reader.number("initializer_range", 0.02, { zero: true }),
    tied: reader.flag("tie_word_embeddings", false),
    bias: reader.flag("attention_bias", true),
    parallel: reader.flag("use_parallel_residual", true),
    rope: readRope(reader, {
      maxPositions,
      headDim,
      thetaKey: "rotary_emb_base",
      partial: { key: "rotary_pct", share: 0.25 },
    }),
  };
  reader.done();
  const architectures = ["GPTNeoXForCausalLM"];
  return { ...read, json: completed(config, { architectures }) };
}

type GptNeoxConfig = ReturnType<typeof readConfig>;

function describe(c: GptNeoxConfig): ModelSpec {
  const init = { kind: "normal", std: c.std } as const;
  return {
    modelType: GPT_NEOX.modelType,
    adapterTargets: GPT_NEOX.adapterTargets,
    config: c.json,
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    layers: c.layers,
    maxPositions: c.maxPositions,
    positionsAreBounded: c.rope.type === "dynamic",
    head: {
      name: c.tied ? `${EMBEDDING}.weight` : "lm_head.weight",
      tied: c.tied,
      init,
    },
    forward: (builder) => forward(builder, c),
    exports: { gguf: ggufOf(c) },
    // what old files keep of masks and positions
    ignores: (name) =>
      /\.attention\.(masked_bias|bias|rotary_emb\.inv_freq)$/.test(name),
    aliases: (name) => name === "lm_head.weight" ? ["embed_out.weight"] : [],
  };
}

/** What llama.cpp must know, for `export --to gguf`: its settings, and its names of the weights. */
function ggufOf(c: GptNeoxConfig): Json {
  const D = c.headDim;
  const activation = String(c.json.hidden_act ?? "gelu");
  const norm = (name: string, to: string) => ({
    [`${name}.weight`]: [{ name: `${to}.weight` }],
    [`${name}.bias`]: [{ name: `${to}.bias` }],
  });
  const at = "gpt_neox.layers.*";
  // here head after head has its query, key and value; there all queries come first
  const all = { view: [c.heads, 3, D], order: [1, 0, 2] };
  return {
    architecture: "gptneox",
    settings: {
      block_count: { u32: c.layers },
      context_length: { u32: c.maxPositions },
      embedding_length: { u32: c.hiddenSize },
      feed_forward_length: { u32: c.innerSize },
      "attention.head_count": { u32: c.heads },
      "attention.layer_norm_epsilon": { f32: c.eps },
      "rope.dimension_count": { u32: rotaryColumns(c.rope, D) },
      "rope.freq_base": { f32: c.rope.theta },
      use_parallel_residual: { bool: c.parallel },
      vocab_size: { u32: c.vocabSize },
    },
    tensors: {
      [`${EMBEDDING}.weight`]: [
        { name: "token_embd.weight" },
        ...(c.tied ? [{ name: "output.weight" }] : []),
      ],
      ...(c.tied ? {} : { "lm_head.weight": [{ name: "output.weight" }] }),
      ...norm("gpt_neox.final_layer_norm", "output_norm"),
      ...norm(`${at}.input_layernorm`, "blk.*.attn_norm"),
      ...norm(`${at}.post_attention_layernorm`, "blk.*.ffn_norm"),
      [`${at}.attention.query_key_value.weight`]: [
        { name: "blk.*.attn_qkv.weight", ...all },
      ],
      [`${at}.attention.query_key_value.bias`]: [
        { name: "blk.*.attn_qkv.bias", ...all },
      ],
      ...norm(`${at}.attention.dense`, "blk.*.attn_output"),
      ...norm(`${at}.mlp.dense_h_to_4h`, "blk.*.ffn_up"),
      ...norm(`${at}.mlp.dense_4h_to_h`, "blk.*.ffn_down"),
    },
    refused: [
      ...(c.bias ? [] : ["attention without biases"]),
      // all of them by the approximation of the second
      ...(/^gelu(_new|_fast|_pytorch_tanh)?$/.test(activation)
        ? []
        : [`the activation ${activation}`]),
      ...(c.rope.type === "default"
        ? []
        : [`rotary frequencies of the type ${c.rope.type}`]),
    ],
  };
}

function forward(builder: ModelBuilder, c: GptNeoxConfig): Tensor {
  const { graph, maxPositions: positions } = builder;
  const [C, D] = [c.hiddenSize, c.headDim];
  const init = { kind: "normal", std: c.std } as const;
  const rotary = rotaryColumns(c.rope, D);
  const table = builder.constant(
    "rotary",
    [positions, rotary],
    () => rotaryTable(c.rope, { positions, headDim: D }),
  );
  const norm = (x: Tensor, name: string) =>
    builder.norm(x, { name, kind: "layer", columns: C, eps: c.eps });

  const site = { name: EMBEDDING, rows: c.vocabSize, columns: C, init };
  let x = builder.embedding(builder.tokens, site); // (N, C)
  for (let layer = 0; layer < c.layers; layer++) {
    const before = x;
    x = builder.block(layer, () => block(layer, before));
  }
  return norm(x, "gpt_neox.final_layer_norm");

  function block(layer: number, x: Tensor): Tensor {
    const at = `gpt_neox.layers.${layer}`;
    const linear = (
      input: Tensor,
      [name, to, bias]: readonly [string, number, boolean],
      addend?: Tensor,
    ) =>
      builder.linear(input, {
        name: `${at}.${name}`,
        in: Number(input.shape[1]),
        out: to,
        bias,
        layout: "NT",
        init,
      }, addend);
    const h = norm(x, `${at}.input_layernorm`);
    const all = linear(h, ["attention.query_key_value", 3 * C, c.bias]);
    // a row has head after head, and each head its query, key and value
    const [q, k, v] = splitColumns(graph, reshape(all, 3 * D), [D, D, D])
      .map((part) => reshape(part, C));
    const turned = (y: Tensor) =>
      builder.rope(y, table, { headDim: D, rotary });
    const attended = builder.attention(layer, turned(q), turned(k), v, {
      heads: c.heads,
      kvHeads: c.heads,
      headDim: D,
      scale: 1 / Math.sqrt(D),
    });
    const middle = linear(attended, ["attention.dense", C, c.bias], x);

    // side by side: the MLP reads what attention reads
    const m = norm(c.parallel ? x : middle, `${at}.post_attention_layernorm`);
    const inner = linear(m, ["mlp.dense_h_to_4h", c.innerSize, true]);
    const active = elementwise(
      graph,
      [inner],
      (e) => c.activation.apply(e),
    ); // (N, F)
    return linear(active, ["mlp.dense_4h_to_h", C, true], middle);
  }
}

/** What `plugins` lists, and what `init --model pythia-160m` starts from. */
const GPT_NEOX: ModelFamily = {
  modelType: "gpt_neox",
  sizes: "70M to 20B",
  special: "attention and MLP side by side, partial rotary positions",
  adapterTargets: ["query_key_value"],
  popular: [
    {
      id: "EleutherAI/pythia-70m",
      millions: 70,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "EleutherAI/pythia-160m",
      millions: 162,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "EleutherAI/pythia-410m",
      millions: 405,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "EleutherAI/pythia-1b",
      millions: 1012,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "EleutherAI/pythia-1.4b",
      millions: 1415,
      template: null,
      stop: ["<|endoftext|>"],
    },
  ],
};

/** GPT-NeoX, with the activations that its configs may name. */
export function gptNeoxWith(activations: Activations): Architecture {
  return {
    modelTypes: [GPT_NEOX.modelType],
    families: [GPT_NEOX],
    describe: (config) => describe(readConfig(config, activations)),
  };
}

type None = Record<string, never>;

/** Part `gpt_neox`: models of the type `gpt_neox`. */
export const gptNeox: Part<"model", None, None> = definePart({
  kind: "model",
  name: "gpt_neox",
  description: "GPT-NeoX and Pythia from Hugging Face folders",
  options: z.strictObject({}),
  create: async (_, host) => gptNeoxWith(await activationsOf(host)),
});

const plugin: Plugin = definePlugin({
  name: "gpt-neox-model",
  api: 1,
  version: "1.0.0",
  parts: [gptNeox],
});
export default plugin;
