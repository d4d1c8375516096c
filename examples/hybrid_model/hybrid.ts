/**
 * A model whose layers keep no keys and values: a gated short convolution, which keeps its last tokens, and gated
 * linear attention (arXiv:2312.06635), which keeps a matrix a head.
 *
 * @module
 */
import {
  add,
  type Architecture,
  ConfigReader,
  definePart,
  definePlugin,
  elementwise,
  type ModelBuilder,
  type Part,
  type Plugin,
  splitColumns,
  type Tensor,
} from "@denotune/denotune/core";
import { z } from "zod";

/** A convolution, then a recurrence. */
export const hybridArchitecture: Architecture = {
  modelTypes: ["hybrid"],
  describe(config) {
    const reader = new ConfigReader(config, "hybrid");
    if (reader.raw("model_type") !== "hybrid") {
      throw reader.last(`model_type is ${config.model_type}`);
    }
    const sizes = {
      V: reader.count("vocab_size"),
      C: reader.count("hidden_size"),
      heads: reader.count("num_heads", 1),
      keyDim: reader.count("key_dim", 8),
      taps: reader.count("conv_taps", 3),
    };
    const { V, C, heads, taps } = sizes;
    if (C % heads !== 0) reader.problem(`num_heads ${heads} of ${C} columns`);
    if (taps < 2) reader.problem("conv_taps is 1; at least 2 are needed");
    reader.done();
    return {
      modelType: "hybrid",
      config: JSON.parse(JSON.stringify(config)),
      vocabSize: V,
      hiddenSize: C,
      layers: 2,
      maxPositions: null,
      positionsAreBounded: false,
      head: { name: "embedding.weight", tied: true, init },
      ignores: () => false,
      aliases: () => [],
      forward: (builder) => forward(builder, sizes),
    };
  },
};
const init = { kind: "normal", std: 0.02 } as const;

function forward(
  builder: ModelBuilder,
  { V, C, heads, keyDim, taps }: Record<string, number>,
): Tensor {
  const { graph } = builder;
  const norm = (x: Tensor, name: string) =>
    builder.norm(x, { name, kind: "rms", columns: C, eps: 1e-6 });
  const linear = (x: Tensor, name: string, out: number) =>
    builder.linear(x, { name, in: C, out, bias: false, layout: "NT", init });
  const product = (a: Tensor, b: Tensor) =>
    elementwise(graph, [a, b], (s, t) => s.mul(t));

  const site = { name: "embedding", rows: V, columns: C, init };
  const x = builder.embedding(builder.tokens, site); // (N, C)
  // c * convolution(b * y), with b, c and y from one projection
  const middle = builder.block(0, () => {
    const h = norm(x, "layers.0.norm");
    const all = linear(h, "layers.0.in_proj", 3 * C);
    const [b, c, y] = splitColumns(graph, all, [C, C, C]);
    const name = "layers.0.conv.weight";
    const weight = builder.parameter({ name, shape: [C, 1, taps], init });
    const out = builder.convolution("layers.0", product(b, y), weight);
    return add(graph, x, linear(product(c, out), "layers.0.out_proj", C));
  });
  // what stays of the state is the sigmoid of a gate a head
  const last = builder.block(1, () => {
    const h = norm(middle, "layers.1.norm");
    const of = (name: string, to: number) => linear(h, `layers.1.${name}`, to);
    const out = builder.recurrence("layers.1", {
      q: of("q_proj", heads * keyDim),
      k: of("k_proj", heads * keyDim),
      v: of("v_proj", C),
      // log sigmoid, where exp is finite
      decay: elementwise(
        graph,
        [of("gate_proj", heads)],
        (g) => g.max(-30).neg().exp().add(1).log().neg(),
      ),
    });
    return add(graph, middle, linear(out, "layers.1.out_proj", C));
  });
  return norm(last, "norm");
}

type None = Record<string, never>;

/** Part `hybrid`: models of the type `hybrid`. */
export const hybrid: Part<"model", None, None> = definePart({
  kind: "model",
  name: "hybrid",
  description: "A short convolution and gated linear attention",
  options: z.strictObject({}),
  create: () => hybridArchitecture,
});

const plugin: Plugin = definePlugin({
  name: "hybrid-model",
  api: 1,
  version: "1.0.0",
  parts: [hybrid],
});
export default plugin;
