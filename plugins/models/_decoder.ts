/**
 * A dense decoder as most families have it: blocks of grouped-query attention with rotary positions and a gated
 * MLP. Families differ in settings: the place of norms, factors, layers without positions or with a
 * window.
 *
 * ```text
 * before   x + f(norm(x))        after   x + norm(f(x))
 * ```
 *
 * @module
 */
import {
  type Activation,
  elementwise,
  type Expr,
  type Json,
  type LinearSite,
  type ModelBuilder,
  type ModelSpec,
  type RopeScaling,
  rotaryColumns,
  rotaryTable,
  type Tensor,
} from "@denotune/denotune/core";

const EMBEDDING = "model.embed_tokens";

/** A decoder in numbers. */
export interface DecoderConfig {
  readonly modelType: string;
  /** `config.json` with the defaults made explicit. */
  readonly json: { readonly [key: string]: Json };
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly eps: number;
  readonly maxPositions: number;
  readonly tied: boolean;
  /** Standard deviation of random weights. */
  readonly std: number;
  readonly activation: Activation;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly rope: RopeScaling;
  /** Whether each layer turns queries and keys by their positions. */
  readonly turned: readonly boolean[];
  /** Window of each layer; null: all tokens. */
  readonly windows: readonly (number | null)[];
  /** Whether norms come before attention and MLP, or after them. */
  readonly norms: "before" | "after";
  /** Norms over all heads of queries and of keys together, before the rotation. */
  readonly qkNorm: boolean;
  /** Factors of embeddings, scores, and of what is added to the residual. */
  readonly factors: {
    readonly embedding: number;
    readonly scores: number;
    readonly residual: number;
  };
  /** The function of a logit; null: none. */
  readonly logits: ((x: Expr) => Expr) | null;
  /** Name of the head's bias; absent: it has none. */
  readonly headBias?: string;
  /** Whether tokens see later ones, whatever the objective. Absent: no. */
  readonly bidirectional?: boolean;
}

/** The model of a decoder's numbers. */
export function decoderSpec(c: DecoderConfig): ModelSpec {
  const { logits } = c;
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
      init: { kind: "normal", std: c.std },
      ...(logits === null ? {} : { logits: (x) => logits(x) }),
      ...(c.headBias === undefined ? {} : { bias: c.headBias }),
    },
    ...(c.bidirectional === true ? { attention: "bidirectional" } : {}),
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

function forward(builder: ModelBuilder, c: DecoderConfig): Tensor {
  const { graph, tokens, maxPositions: positions } = builder;
  const table = builder.constant(
    "rotary",
    [positions, rotaryColumns(c.rope, c.headDim)],
    () => rotaryTable(c.rope, { positions, headDim: c.headDim }),
  );
  const rows = builder.embedding(tokens, {
    name: EMBEDDING,
    rows: c.vocabSize,
    columns: c.hiddenSize,
    init: { kind: "normal", std: c.std },
  }); // (N, C)
  let x = c.factors.embedding === 1
    ? rows
    : elementwise(graph, [rows], (e) => e.mul(c.factors.embedding));
  for (let layer = 0; layer < c.layers; layer++) {
    const before = x;
    x = builder.block(
      layer,
      () => block(builder, c, { layer, table, x: before }),
    );
  }
  return norm(builder, c, [x, "model.norm"]);
}

function norm(
  builder: ModelBuilder,
  c: DecoderConfig,
  [x, name]: readonly [Tensor, string],
): Tensor {
  const columns = Number(x.shape[1]);
  return builder.norm(x, { name, kind: "rms", columns, eps: c.eps });
}

function block(
  builder: ModelBuilder,
  c: DecoderConfig,
  { layer, table, x }: { layer: number; table: Tensor; x: Tensor },
): Tensor {
  const { graph } = builder;
  const at = `model.layers.${layer}`;
  const [D, F] = [c.headDim, c.intermediateSize];
  const linear = (
    input: Tensor,
    site: Pick<LinearSite, "name" | "out" | "bias" | "exact">,
    addend?: Tensor,
  ) =>
    builder.linear(input, {
      ...site,
      name: `${at}.${site.name}`,
      in: Number(input.shape[1]),
      layout: "NT",
      init: { kind: "normal", std: c.std },
    }, addend);
  const normed = (y: Tensor, name: string) =>
    norm(builder, c, [y, `${at}.${name}`]);
  /** The residual, and what a last projection adds to it: in one product where nothing comes between. */
  const added = (
    residual: Tensor,
    input: Tensor,
    site: Parameters<typeof linear>[1],
    after: string,
  ) => {
    const { residual: factor } = c.factors;
    if (c.norms === "before" && factor === 1) {
      return linear(input, site, residual);
    }
    const y = linear(input, site);
    return elementwise(
      graph,
      [residual, c.norms === "after" ? normed(y, after) : y],
      (a, b) => a.add(factor === 1 ? b : b.mul(factor)),
    );
  };
  const projected = (which: "q" | "k" | "v", heads: number) => {
    const y = linear(h, {
      name: `self_attn.${which}_proj`,
      out: heads * D,
      bias: c.attentionBias,
      exact: which === "k",
    }); // (N, heads * D)
    if (which === "v") return y;
    const z = c.qkNorm ? normed(y, `self_attn.${which}_norm`) : y;
    return c.turned[layer]
      ? builder.rope(z, table, {
        headDim: D,
        rotary: rotaryColumns(c.rope, D),
      })
      : z;
  };

  const h = c.norms === "before" ? normed(x, "input_layernorm") : x;
  const attended = builder.attention(
    layer,
    projected("q", c.heads),
    projected("k", c.kvHeads),
    projected("v", c.kvHeads),
    {
      heads: c.heads,
      kvHeads: c.kvHeads,
      headDim: D,
      scale: c.factors.scores,
      window: c.windows[layer],
    },
  );
  const middle = added(x, attended, {
    name: "self_attn.o_proj",
    out: c.hiddenSize,
    bias: c.attentionBias,
  }, "post_attention_layernorm");

  const m = c.norms === "before"
    ? normed(middle, "post_attention_layernorm")
    : middle;
  const up = (name: string) => linear(m, { name, out: F, bias: c.mlpBias });
  const gated = graph.scope(`${at}.mlp`, () =>
    elementwise(
      graph,
      [up("mlp.gate_proj"), up("mlp.up_proj")],
      (g, u) => c.activation.apply(g).mul(u),
    )); // (N, F)
  return added(middle, gated, {
    name: "mlp.down_proj",
    out: c.hiddenSize,
    bias: c.mlpBias,
  }, "post_feedforward_layernorm");
}
