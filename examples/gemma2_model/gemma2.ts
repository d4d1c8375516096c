/**
 * Gemma 2 (arXiv:2408.00118) as a plugin: norms that keep 1 less than they multiply by, four of them a block,
 * scores and logits with a soft cap, and a window in every other layer.
 *
 * @module
 */
import {
  type Activations,
  activationsOf,
  add,
  API_VERSION,
  type Architecture,
  completed,
  ConfigReader,
  definePart,
  definePlugin,
  elementwise,
  type ModelBuilder,
  type ModelSpec,
  type Part,
  type Plugin,
  type RawConfig,
  readRope,
  rotaryTable,
  type Tensor,
} from "@denotune/denotune/core";
import { z } from "zod";

const KINDS = ["sliding_attention", "full_attention"];
const GELU = "gelu_pytorch_tanh";
const EMBEDDING = "model.embed_tokens";

/** The numbers of a `config.json`. */
function readConfig(config: RawConfig, activations: Activations) {
  const reader = new ConfigReader(config, "gemma2");
  if (reader.raw("model_type") !== "gemma2") {
    throw reader.last(`model_type is ${config.model_type}; supported: gemma2`);
  }
  const layers = reader.layers("num_hidden_layers", 26);
  const heads = reader.count("num_attention_heads", 8);
  const kvHeads = reader.count("num_key_value_heads", 4);
  const shared = heads % kvHeads === 0;
  if (!shared) reader.problem(`num_key_value_heads ${kvHeads} of ${heads}`);
  const maxPositions = reader.count("max_position_embeddings", 8192);
  const headDim = reader.count("head_dim", 256);
  const window = reader.countOrNull("sliding_window", 4096);
  // layers take turns, the first with a window
  const kinds = reader.layerTypes(layers, KINDS) ??
    Array.from({ length: layers }, (_, i) => KINDS[i % 2]);
  reader.ignore("hidden_act"); // transformers reads `hidden_activation` alone
  const read = {
    layers,
    heads,
    kvHeads,
    maxPositions,
    window,
    vocabSize: reader.count("vocab_size", 256000),
    hiddenSize: reader.count("hidden_size", 2304),
    innerSize: reader.count("intermediate_size", 9216),
    headDim,
    activation: reader.activation("hidden_activation", GELU, activations),
    eps: reader.number("rms_norm_eps", 1e-6),
    std: reader.number("initializer_range", 0.02, { zero: true }),
    tied: reader.flag("tie_word_embeddings", true),
    bias: reader.flag("attention_bias", false),
    scale: 1 / Math.sqrt(reader.number("query_pre_attn_scalar", 256)),
    scoreCap: reader.numberOrNull("attn_logit_softcapping", 50),
    logitCap: reader.numberOrNull("final_logit_softcapping", 30),
    rope: readRope(reader, { maxPositions, headDim }),
    windows: kinds.map((kind) => kind === KINDS[0] ? window : null),
  };
  reader.done();
  const architectures = ["Gemma2ForCausalLM"];
  return { ...read, json: completed(config, { architectures }) };
}

type Gemma2Config = ReturnType<typeof readConfig>;

function describe(c: Gemma2Config): ModelSpec {
  const { logitCap } = c;
  return {
    modelType: "gemma2",
    config: c.json,
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    layers: c.layers,
    maxPositions: c.maxPositions,
    positionsAreBounded: false,
    head: {
      name: c.tied ? `${EMBEDDING}.weight` : "lm_head.weight",
      tied: c.tied,
      init: { kind: "normal", std: c.std },
      ...(logitCap === null
        ? {}
        : { logits: (x) => x.div(logitCap).tanh().mul(logitCap) }),
    },
    forward: (builder) => forward(builder, c),
    ignores: () => false,
    aliases: (name) =>
      c.tied && name === `${EMBEDDING}.weight` ? ["lm_head.weight"] : [],
  };
}

function forward(builder: ModelBuilder, c: Gemma2Config): Tensor {
  const { graph, tokens, maxPositions: positions } = builder;
  const [C, D] = [c.hiddenSize, c.headDim];
  const init = { kind: "normal", std: c.std } as const;
  const table = builder.constant(
    "rotary",
    [positions, D],
    () => rotaryTable(c.rope, { positions, headDim: D }),
  );
  const norm = (x: Tensor, name: string) =>
    builder.norm(x, { name, kind: "rms", columns: C, eps: c.eps, offset: 1 });

  const rows = builder.embedding(tokens, {
    name: EMBEDDING,
    rows: c.vocabSize,
    columns: C,
    init,
  });
  const factor = Math.fround(Math.sqrt(C));
  let x = elementwise(graph, [rows], (e) => e.mul(factor)); // (N, C)
  for (let layer = 0; layer < c.layers; layer++) {
    const before = x;
    x = builder.block(layer, () => block(layer, before));
  }
  return norm(x, "model.norm");

  function block(layer: number, x: Tensor): Tensor {
    const at = `model.layers.${layer}`;
    const linear = (input: Tensor, name: string, to: number) =>
      builder.linear(input, {
        name: `${at}.${name}`,
        in: Number(input.shape[1]),
        out: to,
        bias: c.bias && name.startsWith("self_attn"),
        layout: "NT",
        exact: name.endsWith("k_proj"),
        init,
      });
    const h = norm(x, `${at}.input_layernorm`);
    const [q, k, v] = (["q", "k", "v"] as const).map((which) => {
      const width = (which === "q" ? c.heads : c.kvHeads) * D;
      const y = linear(h, `self_attn.${which}_proj`, width);
      return which === "v"
        ? y
        : builder.rope(y, table, { headDim: D, rotary: D });
    });
    const attended = builder.attention(layer, q, k, v, {
      heads: c.heads,
      kvHeads: c.kvHeads,
      headDim: D,
      scale: c.scale,
      window: c.windows[layer],
      softcap: c.scoreCap,
    });
    const o = linear(attended, "self_attn.o_proj", C);
    const middle = add(graph, x, norm(o, `${at}.post_attention_layernorm`));

    const m = norm(middle, `${at}.pre_feedforward_layernorm`);
    const gate = linear(m, "mlp.gate_proj", c.innerSize);
    const up = linear(m, "mlp.up_proj", c.innerSize);
    const inner = elementwise(
      graph,
      [gate, up],
      (g, u) => c.activation.apply(g).mul(u),
    ); // (N, F)
    const down = linear(inner, "mlp.down_proj", C);
    return add(graph, middle, norm(down, `${at}.post_feedforward_layernorm`));
  }
}

/** Gemma 2, with the activations that its configs may name. */
export function gemma2With(activations: Activations): Architecture {
  return {
    modelTypes: ["gemma2"],
    describe: (config) => describe(readConfig(config, activations)),
  };
}

type None = Record<string, never>;

/** Part `gemma2`: models of the type `gemma2`. */
export const gemma2: Part<"model", None, None> = definePart({
  kind: "model",
  name: "gemma2",
  description: "Gemma 2 from Hugging Face folders",
  options: z.strictObject({}),
  create: async (_, host) => gemma2With(await activationsOf(host)),
});

const plugin: Plugin = definePlugin({
  name: "gemma2-model",
  api: API_VERSION,
  version: "1.0.0",
  parts: [gemma2],
});
export default plugin;
