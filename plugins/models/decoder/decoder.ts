/**
 * A dense decoder as most families have it: blocks of attention (or what a layer has in its place) and a gated
 * MLP. Families differ in settings: names, the places of norms, factors, positions and windows by layer.
 *
 * ```text
 * h = x + after(mixer(before(x)))         norms before, after, or both; mixer: attention, a convolution, ...
 * y = h + after(mlp(before(h)))
 * ```
 *
 * @module
 */
import {
  elementwise,
  type ModelBuilder,
  type ModelSpec,
  type RopeScaling,
  rotaryColumns,
  rotaryTable,
  splitColumns,
  type Tensor,
} from "@denotune/denotune/core";
import { attend } from "./attention.ts";
import { attentionDropout } from "./dropout.ts";
import { ggufLayout } from "./gguf.ts";
import type { BlockBuilder, BlockLinear, DecoderConfig } from "./types.ts";

/** The model of a decoder's numbers. */
export function decoderSpec(c: DecoderConfig): ModelSpec {
  const { logits } = c;
  const embedding = `${c.names.root}.embed_tokens.weight`;
  return {
    modelType: c.modelType,
    config: c.json,
    floats: c.floats ?? [],
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    layers: c.layers,
    maxPositions: c.maxPositions,
    // the frequencies of longer rows would depend on the longest of a batch
    positionsAreBounded: c.ropes.some((rope) => rope?.type === "dynamic"),
    dropout: attentionDropout(c.json),
    head: {
      name: c.tied ? embedding : "lm_head.weight",
      tied: c.tied,
      init: { kind: "normal", std: c.std },
      ...(logits === null ? {} : { logits: (x) => logits(x) }),
      ...(c.headBias === undefined ? {} : { bias: c.headBias }),
    },
    ...(c.bidirectional === true ? { attention: "bidirectional" } : {}),
    ...(c.gguf === undefined
      ? {}
      : { exports: { gguf: ggufLayout(c, c.gguf) } }),
    forward: (builder) => forward(builder, c),
    // old files carry the rotary frequencies
    ignores: (name) => name.endsWith("rotary_emb.inv_freq"),
    aliases: (name) => [
      ...(name.startsWith("model.") ? [name.slice("model.".length)] : []),
      // a tied model may have been saved under the head's name alone
      ...(c.tied && name === embedding ? ["lm_head.weight"] : []),
    ],
  };
}

function forward(builder: ModelBuilder, c: DecoderConfig): Tensor {
  const { graph, tokens } = builder;
  const { root, lastNorm } = c.names;
  const tables = rotaryTables(builder, c);
  const rows = builder.embedding(tokens, {
    name: `${root}.embed_tokens`,
    rows: c.vocabSize,
    columns: c.hiddenSize,
    init: { kind: "normal", std: c.std },
  }); // (N, C)
  let x = c.factors.embedding === 1
    ? rows
    : elementwise(graph, [rows], (e) => e.mul(c.factors.embedding));
  for (let layer = 0; layer < c.layers; layer++) {
    const before = x;
    const own = blockBuilder(builder, c, { layer, tables: tables[layer] });
    x = builder.block(layer, () => block(own, before));
  }
  return norm(builder, c, { x, name: `${root}.${lastNorm}` });
}

/** The tables of each layer; layers of equal settings share them. */
function rotaryTables(
  builder: ModelBuilder,
  c: DecoderConfig,
): readonly BlockBuilder["tables"][] {
  const { maxPositions: positions } = builder;
  const { headDim } = c;
  const made = new Map<string, BlockBuilder["tables"]>();
  const table = (name: string, rope: RopeScaling, scales: boolean) =>
    builder.constant(
      name,
      [positions, rotaryColumns(rope, headDim)],
      () =>
        rotaryTable(rope, {
          positions,
          headDim,
          scaleOf: scales ? c.queryScale ?? undefined : undefined,
        }),
    );
  return c.ropes.map((rope, layer) => {
    if (rope === null || c.mixers?.[layer] != null) return null;
    const key = JSON.stringify(rope);
    const known = made.get(key);
    if (known !== undefined) return known;
    const name = made.size === 0 ? "rotary" : `rotary.${made.size}`;
    const k = table(name, rope, false);
    const q = c.queryScale === null ? k : table(`${name}.queries`, rope, true);
    made.set(key, { q, k });
    return { q, k };
  });
}

function norm(
  builder: ModelBuilder,
  c: DecoderConfig,
  { x, name, columns }: { x: Tensor; name: string; columns?: number },
): Tensor {
  return builder.norm(x, {
    name,
    kind: "rms",
    columns: columns ?? Number(x.shape[1]),
    eps: c.eps,
    ...(c.normOffset === 0 ? {} : { offset: c.normOffset }),
  });
}

function blockBuilder(
  builder: ModelBuilder,
  c: DecoderConfig,
  { layer, tables }: Pick<BlockBuilder, "layer" | "tables">,
): BlockBuilder {
  const at = `${c.names.root}.layers.${layer}`;
  return {
    builder,
    c,
    layer,
    tables,
    linear: (x, site, addend) =>
      builder.linear(x, {
        ...site,
        name: `${at}.${site.name}`,
        in: Number(x.shape[1]),
        layout: "NT",
        init: { kind: "normal", std: c.std },
      }, addend),
    norm: (x, name, columns) =>
      norm(builder, c, { x, name: `${at}.${name}`, columns }),
  };
}

function block(own: BlockBuilder, x: Tensor): Tensor {
  const { builder, c, layer } = own;
  const { graph } = builder;
  const { norms, gateUp, down } = c.names;
  const normed = (y: Tensor, name: string | null) =>
    name === null ? y : own.norm(y, name);
  /** The residual, and what a last projection adds to it: in one product where nothing comes between. */
  const added = (
    residual: Tensor,
    input: Tensor,
    { site, after }: { site: BlockLinear; after: string | null },
  ) => {
    const { residual: factor } = c.factors;
    if (after === null && factor === 1) {
      return own.linear(input, site, residual);
    }
    return elementwise(
      graph,
      [residual, normed(own.linear(input, site), after)],
      (a, b) => a.add(factor === 1 ? b : b.mul(factor)),
    );
  };

  const mixer = c.mixers?.[layer] ?? attend;
  const { mixed, output } = mixer(own, normed(x, norms.beforeAttention));
  const middle = added(x, mixed, { site: output, after: norms.afterAttention });

  const m = normed(middle, norms.beforeMlp);
  const F = c.intermediateSize;
  const up = (name: string, out: number) =>
    own.linear(m, { name, out, bias: c.biases.mlp });
  const [gate, rest] = gateUp.length === 1
    ? splitColumns(graph, up(gateUp[0], 2 * F), [F, F])
    : gateUp.map((name) => up(name, F));
  const gated = graph.scope(
    `${c.names.root}.layers.${layer}.mlp`,
    () =>
      elementwise(
        graph,
        [gate, rest],
        (g, u) => c.activation.apply(g).mul(u),
      ),
  ); // (N, F)
  return added(middle, gated, {
    site: { name: down, out: c.hiddenSize, bias: c.biases.mlp },
    after: norms.afterMlp,
  });
}
