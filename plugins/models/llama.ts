/**
 * The Llama family (arXiv:2307.09288): pre-norm blocks of grouped-query attention with rotary positions
 * and a gated MLP. Reads the model types `llama`, `mistral` (windows; arXiv:2310.06825), `qwen2` (biases on
 * q, k, v; arXiv:2407.10671) and `qwen3` (norms on each head's q and k; arXiv:2505.09388). Training runs
 * without dropout, whatever the config's `attention_dropout`.
 * @module
 */
import {
  type Activations,
  activationsOf,
  type Architecture,
  definePart,
  elementwise,
  type LinearSite,
  type ModelBuilder,
  type ModelSpec,
  type Part,
  rotaryTable,
  type Tensor,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  LLAMA_TYPES,
  type LlamaConfig,
  readLlamaConfig,
} from "./_llama_config.ts";

const EMBEDDING = "model.embed_tokens";

/** The Llama family as an architecture, with the activations that its configs may name. */
export function llamaWith(activations: Activations): Architecture {
  return {
    modelTypes: LLAMA_TYPES,
    describe: (config) => describe(readLlamaConfig(config, activations)),
  };
}

/** Part `llama`: models of the types `llama`, `mistral`, `qwen2` and `qwen3`. */
export const llama: Part<
  "model",
  Record<string, never>,
  Record<string, never>
> = definePart({
  kind: "model",
  name: "llama",
  description:
    "Llama-like models from Hugging Face folders: llama, mistral, qwen2, qwen3.",
  options: z.strictObject({}),
  create: async (_, host) => llamaWith(await activationsOf(host)),
});

function describe(c: LlamaConfig): ModelSpec {
  const init = { kind: "normal", std: c.std } as const;
  return {
    modelType: c.modelType,
    config: c.json,
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    layers: c.layers,
    maxPositions: c.maxPositions,
    // the frequencies of longer rows would depend on the longest of a batch
    positionsAreBounded: c.rope.type === "dynamic",
    head: {
      name: c.tied ? `${EMBEDDING}.weight` : "lm_head.weight",
      tied: c.tied,
      init,
    },
    forward: (builder) => forward(builder, c),
    // old files carry the rotary frequencies
    ignores: (name) => name.endsWith("rotary_emb.inv_freq"),
    aliases: (name) => [
      ...(name.startsWith("model.") ? [name.slice("model.".length)] : []),
      // a tied model may have been saved under the head's name alone
      ...(c.tied && name === `${EMBEDDING}.weight` ? ["lm_head.weight"] : []),
    ],
  };
}

function forward(builder: ModelBuilder, c: LlamaConfig): Tensor {
  const { tokens, maxPositions } = builder;
  const table = builder.constant(
    "rotary",
    [maxPositions, c.headDim],
    () => rotaryTable(c.rope, { positions: maxPositions, headDim: c.headDim }),
  );
  let x = builder.embedding(tokens, {
    name: EMBEDDING,
    rows: c.vocabSize,
    columns: c.hiddenSize,
    init: { kind: "normal", std: c.std },
  }); // (N, C)
  for (let layer = 0; layer < c.layers; layer++) {
    const before = x;
    x = builder.block(
      layer,
      () => block(builder, c, { layer, table, x: before }),
    );
  }
  return rmsNorm(builder, c, x, "model.norm");
}

function block(
  builder: ModelBuilder,
  c: LlamaConfig,
  { layer, table, x }: { layer: number; table: Tensor; x: Tensor },
): Tensor {
  const at = `model.layers.${layer}`;
  const [C, D, F] = [c.hiddenSize, c.headDim, c.intermediateSize];
  const linear = (
    input: Tensor,
    site: Omit<LinearSite, "layout" | "init">,
    addend?: Tensor,
  ) =>
    builder.linear(input, {
      ...site,
      name: `${at}.${site.name}`,
      layout: "NT",
      init: { kind: "normal", std: c.std },
    }, addend);
  /** Queries or keys: each head normed where the family does so, then turned by its position. */
  const turned = (name: "q" | "k", heads: number): Tensor => {
    const y = linear(h, {
      name: `self_attn.${name}_proj`,
      in: C,
      out: heads * D,
      bias: c.biases.qkv,
      exact: name === "k",
    }); // (N, heads * D)
    const normed = c.qkNorm
      ? rmsNorm(builder, c, y, `${at}.self_attn.${name}_norm`, D)
      : y;
    return builder.rope(normed, table, { headDim: D, rotary: D });
  };

  const h = rmsNorm(builder, c, x, `${at}.input_layernorm`);
  const q = turned("q", c.heads);
  const k = turned("k", c.kvHeads);
  const v = linear(h, {
    name: "self_attn.v_proj",
    in: C,
    out: c.kvHeads * D,
    bias: c.biases.qkv,
  });
  const attended = builder.attention(layer, q, k, v, {
    heads: c.heads,
    kvHeads: c.kvHeads,
    headDim: D,
    scale: 1 / Math.sqrt(D),
    window: c.windows[layer],
  });
  const middle = linear(attended, {
    name: "self_attn.o_proj",
    in: c.heads * D,
    out: C,
    bias: c.biases.output,
  }, x);

  const m = rmsNorm(builder, c, middle, `${at}.post_attention_layernorm`);
  const up = (name: string) =>
    linear(m, { name, in: C, out: F, bias: c.biases.mlp });
  const gated = builder.graph.scope(
    `${at}.mlp`,
    () =>
      elementwise(
        builder.graph,
        [up("mlp.gate_proj"), up("mlp.up_proj")],
        (g, u) => c.activation.apply(g).mul(u),
      ),
  ); // (N, F)
  return linear(gated, {
    name: "mlp.down_proj",
    in: F,
    out: C,
    bias: c.biases.mlp,
  }, middle);
}

function rmsNorm(
  builder: ModelBuilder,
  c: LlamaConfig,
  x: Tensor,
  name: string,
  columns: number = c.hiddenSize,
): Tensor {
  return builder.norm(x, { name, kind: "rms", columns, eps: c.eps });
}
