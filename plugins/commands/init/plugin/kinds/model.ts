import type { KindTemplate } from "../kind_template.ts";

/** A small decoder. */
export const model: KindTemplate = {
  does: "A model family for denotune: a small decoder with rotary positions.",
  part: `/** A small decoder. @module */
import {
  type Architecture,
  completed,
  ConfigReader,
  definePart,
  definePlugin,
  elementwise,
  type ModelBuilder,
  type Plugin,
  type RawConfig,
  readRope,
  rotaryTable,
  type Tensor,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  inner: z.int().min(1).default(4).describe(
    "Width of the MLP, as a multiple of hidden_size, where a config has none",
  ),
});

const TYPE = "NAME"; // model_type of its config.json

/** The numbers of a config.json: what is left unread and matters is refused. */
function readConfig(config: RawConfig, inner: number) {
  const reader = new ConfigReader(config, TYPE);
  if (reader.raw("model_type") !== TYPE) {
    throw reader.last(\`model_type is \${config.model_type}; known: \${TYPE}\`);
  }
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  if (hiddenSize % heads !== 0) {
    reader.problem(\`hidden_size \${hiddenSize} of \${heads} heads\`);
  }
  const headDim = Math.max(1, Math.floor(hiddenSize / heads));
  const maxPositions = reader.count("max_position_embeddings");
  const read = {
    hiddenSize,
    heads,
    headDim,
    maxPositions,
    layers: reader.layers("num_hidden_layers"),
    vocabSize: reader.count("vocab_size"),
    innerSize: reader.count("intermediate_size", inner * hiddenSize),
    tied: reader.flag("tie_word_embeddings", true),
    rope: readRope(reader, { maxPositions, headDim }),
  };
  reader.done();
  return { ...read, json: completed(config, { architectures: ["Custom"] }) };
}

type Config = ReturnType<typeof readConfig>;

/** B rows of T tokens, N = B T in all; C = hidden_size. Gives (N, C). */
function forward(builder: ModelBuilder, c: Config): Tensor {
  const { graph, maxPositions: positions } = builder;
  const [C, D] = [c.hiddenSize, c.headDim];
  const table = builder.constant(
    "rotary",
    [positions, D],
    () => rotaryTable(c.rope, { positions, headDim: D }),
  );
  // weights are made at named sites only: names and layouts of the files
  const norm = (x: Tensor, name: string) =>
    builder.norm(x, { name, kind: "rms", columns: C, eps: 1e-5 });
  const linear = (
    x: Tensor,
    [name, from, to]: readonly [string, number, number],
    addend?: Tensor,
  ) =>
    builder.linear(x, {
      name,
      in: from,
      out: to,
      bias: false,
      layout: "NT", // (out, in), as PyTorch's Linear
      init: INIT,
    }, addend);

  const embed = { name: "model.embed_tokens", rows: c.vocabSize, columns: C };
  let x = builder.embedding(builder.tokens, { ...embed, init: INIT });
  for (let layer = 0; layer < c.layers; layer++) {
    const before = x;
    x = builder.block(layer, () => block(layer, before));
  }
  return norm(x, "model.norm");

  function block(layer: number, x: Tensor): Tensor {
    const at = \`model.layers.\${layer}\`;
    const h = norm(x, \`\${at}.input_layernorm\`);
    const [q, k, v] = ["q", "k", "v"].map((name) =>
      linear(h, [\`\${at}.self_attn.\${name}_proj\`, C, C])
    );
    const turned = (y: Tensor) =>
      builder.rope(y, table, { headDim: D, rotary: D });
    const attended = builder.attention(layer, turned(q), turned(k), v, {
      heads: c.heads,
      kvHeads: c.heads,
      headDim: D,
      scale: 1 / Math.sqrt(D),
    });
    // the third argument is added: the residual
    const middle = linear(attended, [\`\${at}.self_attn.o_proj\`, C, C], x);
    const m = norm(middle, \`\${at}.post_attention_layernorm\`);
    const up = linear(m, [\`\${at}.mlp.up_proj\`, C, c.innerSize]);
    const active = elementwise(graph, [up], (e) => e.mul(e.sigmoid()));
    return linear(active, [\`\${at}.mlp.down_proj\`, c.innerSize, C], middle);
  }
}

const INIT = { kind: "normal", std: 0.02 } as const;

const part = definePart({
  kind: "model",
  name: "NAME",
  description: "A small decoder: RMS norms, rotary positions, an MLP with SiLU",
  options,
  create: ({ inner }): Architecture => ({
    modelTypes: [TYPE],
    describe(config) {
      const c = readConfig(config, inner);
      return {
        modelType: TYPE,
        config: c.json,
        vocabSize: c.vocabSize,
        hiddenSize: c.hiddenSize,
        layers: c.layers,
        maxPositions: c.maxPositions,
        positionsAreBounded: c.rope.type === "dynamic",
        head: {
          name: c.tied ? "model.embed_tokens.weight" : "lm_head.weight",
          tied: c.tied,
          init: INIT,
        },
        forward: (builder) => forward(builder, c),
        ignores: () => false, // tensors of a file that are no weights
        aliases: () => [], // other names of a weight in old files
      };
    },
  }),
});
`,
  test: `import { makePart, testModel } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

const tiny = {
  model_type: plugin.name,
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 64,
};

// what every model must do: sight, packing, cache, slopes, resumed runs;
// compare its numbers with transformers too: examples/kinds/model.md says how
testModel(plugin.name, await makePart(plugin, "model"), {
  tied: tiny,
  untied: { ...tiny, tie_word_embeddings: false, intermediate_size: 20 },
});
`,
  run: {
    model: `model:
  from_config:
    model_type: NAME
    vocab_size: 259
    hidden_size: 32
    num_hidden_layers: 2
    num_attention_heads: 4
    max_position_embeddings: 128`,
  },
};
