/**
 * Grouped-query attention of a decoder's block, with what families add to it: norms of queries and keys, partial
 * rotary positions, a window, a soft cap.
 * @module
 */
import {
  rotaryColumns,
  splitColumns,
  type Tensor,
} from "@denotune/denotune/core";
import type { BlockBuilder, Mixer } from "./types.ts";

/** Attention up to its last projection: (N, C) -> (N, heads * headDim). */
export const attend: Mixer = (block, h) => {
  const { builder, c, layer } = block;
  const [q, k, v] = c.names.qkv.length === 1
    ? fused(block, h)
    : apart(block, h);
  return {
    mixed: builder.attention(layer, q, k, v, {
      heads: c.heads,
      kvHeads: c.kvHeads,
      headDim: c.headDim,
      scale: c.factors.scores,
      window: c.windows[layer],
      ...(c.scoreCap === null ? {} : { softcap: c.scoreCap }),
    }),
    output: {
      name: c.names.output,
      out: c.hiddenSize,
      bias: c.biases.output,
    },
  };
};

/** Queries, keys and values from a product each. */
function apart(block: BlockBuilder, h: Tensor): readonly Tensor[] {
  const { c } = block;
  const [q, k, v] = c.names.qkv;
  const projected = (name: string, heads: number, exact = false) =>
    block.linear(h, {
      name,
      out: heads * c.headDim,
      bias: c.biases.qkv,
      ...(exact ? { exact } : {}),
    });
  return [
    turned(block, projected(q, c.heads), "q"),
    turned(block, projected(k, c.kvHeads, true), "k"),
    projected(v, c.kvHeads),
  ];
}

/** All three from one product: (N, (heads + 2 kvHeads) * headDim). */
function fused(block: BlockBuilder, h: Tensor): readonly Tensor[] {
  const { builder, c } = block;
  const widths = [c.heads, c.kvHeads, c.kvHeads].map((n) => n * c.headDim);
  const out = widths.reduce((a, b) => a + b, 0);
  const all = block.linear(h, {
    name: c.names.qkv[0],
    out,
    bias: c.biases.qkv,
  });
  const [q, k, v] = splitColumns(builder.graph, all, widths);
  return [turned(block, q, "q"), turned(block, k, "k"), v];
}

/** Queries or keys: normed where the family does so, then turned by their positions. */
function turned(
  { builder, c, layer, tables, norm }: BlockBuilder,
  x: Tensor,
  which: "q" | "k",
): Tensor {
  const name = c.names.qkNorms[which === "q" ? 0 : 1];
  const normed = c.qkNorm === "none"
    ? x
    : c.qkNorm === "each head"
    ? norm(x, name, c.headDim)
    : norm(x, name);
  const rope = c.ropes[layer];
  if (tables === null || rope === null) return normed;
  return builder.rope(normed, tables[which], {
    headDim: c.headDim,
    rotary: rotaryColumns(rope, c.headDim),
  });
}
