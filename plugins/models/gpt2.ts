/**
 * GPT-2 (Radford et al. 2019): pre-norm blocks with learned positions. Its linear layers are kept as
 * Conv1D: weights (in, out), queries, keys and values in one. Its dropout (of embeddings, attention and
 * residual) is applied where a run asks for it by `model.dropout`; transformers applies the config's 0.1 by default.
 * @module
 */
import {
  type Activations,
  add,
  type Architecture,
  elementwise,
  type Json,
  type LinearSite,
  type ModelBuilder,
  type ModelFamily,
  type ModelSpec,
  showValue,
  splitColumns,
  type Tensor,
} from "@denotune/denotune/core";
import { architectureOf, defineModel, type ModelPart } from "./_define.ts";
import { gguf, Refusals } from "./decoder/gguf_layout.ts";
import { type Gpt2Config, readGpt2Config } from "./_gpt2_config.ts";

const GPT2: ModelFamily = {
  modelType: "gpt2",
  sizes: "124M to 1.5B",
  special: "learned positions, biases, weights stored by input",
  adapterTargets: ["c_attn"],
  popular: [
    {
      id: "openai-community/gpt2",
      millions: 124,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "openai-community/gpt2-medium",
      millions: 355,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "openai-community/gpt2-large",
      millions: 774,
      template: null,
      stop: ["<|endoftext|>"],
    },
    {
      id: "openai-community/gpt2-xl",
      millions: 1558,
      template: null,
      stop: ["<|endoftext|>"],
    },
  ],
};

const EMBEDDING = "transformer.wte";

/** GPT-2 as an architecture, with the activations that its configs may name. */
export function gpt2With(activations: Activations): Architecture {
  return architectureOf(
    [GPT2],
    (config) => describe(readGpt2Config(config, activations)),
  );
}

/** Part `gpt2`: models of the type `gpt2`. */
export const gpt2: ModelPart = defineModel("gpt2", "GPT-2", gpt2With);

function describe(c: Gpt2Config): ModelSpec {
  return {
    modelType: "gpt2",
    config: c.json,
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    layers: c.layers,
    maxPositions: c.positions,
    positionsAreBounded: true,
    dropout: c.dropout,
    head: {
      name: c.tied ? `${EMBEDDING}.weight` : "lm_head.weight",
      tied: c.tied,
      init: { kind: "normal", std: c.std },
    },
    exports: { gguf: ggufOf(c) },
    forward: (builder) => forward(builder, c),
    // causal masks, which old files carry as buffers
    ignores: (name) => /(^|\.)h\.\d+\.attn\.(masked_)?bias$/.test(name),
    aliases: (name) => [
      // the files of OpenAI's own models have no prefix
      ...(name.startsWith("transformer.")
        ? [name.slice("transformer.".length)]
        : []),
      ...(c.tied && name === `${EMBEDDING}.weight` ? ["lm_head.weight"] : []),
    ],
  };
}

/** What llama.cpp must know. */
function ggufOf(c: Gpt2Config): Json {
  const refused = new Refusals();
  refused.unless(
    c.scaled && !c.scaledByLayer,
    "scores that are not divided by the root of the head size alone",
  );
  const activation = c.json.activation_function ?? "gelu_new";
  refused.unless(
    ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"].some((n) =>
      n === activation
    ),
    `the activation ${showValue(activation)} (it computes gelu_new)`,
  );
  const layer = (name: string, to: string, transposed: boolean) => ({
    [`transformer.h.*.${name}.weight`]: [{
      name: `blk.*.${to}.weight`,
      transposed,
    }],
    [`transformer.h.*.${name}.bias`]: [{ name: `blk.*.${to}.bias` }],
  });
  return gguf.layout({
    architecture: "gpt2",
    settings: {
      block_count: gguf.u32(c.layers),
      context_length: gguf.u32(c.positions),
      embedding_length: gguf.u32(c.hiddenSize),
      feed_forward_length: gguf.u32(c.innerSize),
      "attention.head_count": gguf.u32(c.heads),
      "attention.layer_norm_epsilon": gguf.f32(c.eps),
      vocab_size: gguf.u32(c.vocabSize),
    },
    tensors: {
      [`${EMBEDDING}.weight`]: [{ name: "token_embd.weight" }],
      "transformer.wpe.weight": [{ name: "position_embd.weight", exact: true }],
      "transformer.ln_f.weight": [{ name: "output_norm.weight" }],
      "transformer.ln_f.bias": [{ name: "output_norm.bias" }],
      ...(c.tied ? {} : { "lm_head.weight": [{ name: "output.weight" }] }),
      ...layer("ln_1", "attn_norm", false),
      ...layer("attn.c_attn", "attn_qkv", true),
      ...layer("attn.c_proj", "attn_output", true),
      ...layer("ln_2", "ffn_norm", false),
      ...layer("mlp.c_fc", "ffn_up", true),
      ...layer("mlp.c_proj", "ffn_down", true),
    },
    constants: {},
    refused: refused.all,
  });
}

function forward(builder: ModelBuilder, c: Gpt2Config): Tensor {
  const { graph, tokens, positions } = builder;
  const init = { kind: "normal", std: c.std } as const;
  const columns = c.hiddenSize;
  const table = (name: string, rows: number) => ({ name, rows, columns, init });
  let x = graph.scope("transformer.embeddings", () =>
    builder.dropout(
      add(
        graph,
        builder.embedding(tokens, table(EMBEDDING, c.vocabSize)),
        builder.embedding(positions, table("transformer.wpe", c.positions)),
      ),
      "embedding",
    )); // (N, C)
  for (let layer = 0; layer < c.layers; layer++) {
    const before = x;
    x = builder.block(layer, () => block(builder, c, { layer, x: before }));
  }
  return layerNorm(builder, c, x, "transformer.ln_f");
}

function block(
  builder: ModelBuilder,
  c: Gpt2Config,
  { layer, x }: { layer: number; x: Tensor },
): Tensor {
  const { graph } = builder;
  const at = `transformer.h.${layer}`;
  const [C, F] = [c.hiddenSize, c.innerSize];
  const D = C / c.heads;
  const linear = (
    input: Tensor,
    site: Pick<LinearSite, "name" | "in" | "out">,
    { addend, adds = false }: { addend?: Tensor; adds?: boolean } = {},
  ) =>
    builder.linear(input, {
      ...site,
      name: `${at}.${site.name}`,
      bias: true,
      layout: "NN",
      // what adds to the residual starts smaller the deeper the model, as in the paper
      init: {
        kind: "normal",
        std: adds ? c.std / Math.sqrt(2 * c.layers) : c.std,
      },
    }, addend);
  /** The residual, and what a projection adds to it: in one product where nothing of it is dropped. */
  const added = (
    residual: Tensor,
    input: Tensor,
    site: Parameters<typeof linear>[1],
  ) => {
    if (!builder.drops("residual")) {
      return linear(input, site, { addend: residual, adds: true });
    }
    const y = builder.dropout(linear(input, site, { adds: true }), "residual");
    return add(graph, residual, y);
  };

  const h = layerNorm(builder, c, x, `${at}.ln_1`);
  const [q, k, v] = graph.scope(`${at}.attn`, () =>
    splitColumns(
      graph,
      linear(h, { name: "attn.c_attn", in: C, out: 3 * C }),
      [C, C, C],
    ));
  const attended = builder.attention(layer, q, k, v, {
    heads: c.heads,
    kvHeads: c.heads,
    headDim: D,
    scale: (c.scaled ? 1 / Math.sqrt(D) : 1) /
      (c.scaledByLayer ? layer + 1 : 1),
  });
  const middle = added(x, attended, { name: "attn.c_proj", in: C, out: C });

  const m = layerNorm(builder, c, middle, `${at}.ln_2`);
  const inner = linear(m, { name: "mlp.c_fc", in: C, out: F });
  const active = graph.scope(
    `${at}.mlp`,
    () => elementwise(graph, [inner], (u) => c.activation.apply(u)),
  ); // (N, F)
  return added(middle, active, { name: "mlp.c_proj", in: F, out: C });
}

function layerNorm(
  builder: ModelBuilder,
  c: Gpt2Config,
  x: Tensor,
  name: string,
): Tensor {
  return builder.norm(x, {
    name,
    kind: "layer",
    columns: c.hiddenSize,
    eps: c.eps,
  });
}
