import { dim } from "../../../../core/graph/dims.ts";
import assert from "node:assert/strict";
import { Graph, product } from "../../../../core/mod.ts";
import { embedding } from "../../../../core/graph/ops/embedding.ts";
import { sortIndex } from "../../../../core/engine/inputs/host_inputs.ts";
import {
  attention,
  type AttentionOptions,
} from "../../../../core/graph/ops/attention.ts";
import {
  assertNear,
  normalVariable,
  runGraph,
} from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const [B, T, headDim] = [2, 5, 4];
/** Two segments and padding in row 0, one segment in row 1. */
const segments = Int32Array.of(1, 1, 2, 2, 0, 1, 1, 1, 1, 1);

const base = { heads: 2, kvHeads: 2, headDim, scale: 0.5, causal: true };
const kinds: Readonly<Record<string, AttentionOptions>> = {
  "causal": base,
  "bidirectional": { ...base, causal: false },
  "grouped-query": { ...base, heads: 4 },
  "one key/value head": { ...base, heads: 3, kvHeads: 1 },
  "a window": { ...base, window: 2 },
  "a bidirectional window": { ...base, causal: false, window: 2 },
  "a softcap": { ...base, softcap: 1.5 },
  "all at once": { ...base, heads: 4, window: 3, softcap: 2 },
};

function variables({ heads, kvHeads }: AttentionOptions) {
  return {
    q: normalVariable([B * T, heads * headDim], 41),
    k: normalVariable([B * T, kvHeads * headDim], 42),
    v: normalVariable([B * T, kvHeads * headDim], 43),
  };
}

for (const [name, options] of Object.entries(kinds)) {
  gradientTest(`attention (${name}) differentiates by q, k and v`, () => ({
    variables: variables(options),
    inputs: { segments },
    forward: (graph, v) =>
      attention(
        graph,
        v("q"),
        v("k"),
        v("v"),
        graph.input("segments", [B, T], "i32"),
        options,
      ),
  }));
  Deno.test(`attention (${name}) is softmax over the keys that a query sees`, async () => {
    const given = variables(options);
    const graph = new Graph();
    const of = (n: "q" | "k" | "v") => graph.variable(n, given[n].shape);
    graph.output(
      "out",
      attention(
        graph,
        of("q"),
        of("k"),
        of("v"),
        graph.input("segments", [B, T], "i32"),
        options,
      ),
    );
    const { out } = await runGraph(graph, {
      variables: given,
      inputs: { segments },
    });
    assertNear(out, naive(given, options), { tolerance: 1e-6, what: "out" });
  });
}

/** Attention with a dense (T, T) matrix. */
function naive(
  { q, k, v }: ReturnType<typeof variables>,
  o: AttentionOptions,
): number[] {
  const { heads, kvHeads, scale, causal } = o;
  const window = o.window ?? Infinity;
  const out: number[] = new Array(B * T * heads * headDim).fill(0);
  const at = (x: typeof q, row: number, head: number, d: number) =>
    x.data![row * x.shape[1] + head * headDim + d];
  for (let row = 0; row < B * T; row++) {
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      const first = Math.floor(row / T) * T;
      const weights: [number, number][] = [];
      for (let other = first; other < first + T; other++) {
        const distance = row - other;
        if (segments[other] !== segments[row]) continue;
        if (causal && distance < 0) continue;
        if (Math.abs(distance) >= window) continue;
        let score = 0;
        for (let d = 0; d < headDim; d++) {
          score += at(q, row, h, d) * at(k, other, kv, d);
        }
        score *= scale;
        const cap = o.softcap ?? null;
        if (cap !== null) score = cap * Math.tanh(score / cap);
        weights.push([other, Math.exp(score)]);
      }
      const total = weights.reduce((sum, [, w]) => sum + w, 0);
      for (const [other, w] of weights) {
        for (let d = 0; d < headDim; d++) {
          out[(row * heads + h) * headDim + d] += w / total *
            at(v, other, kv, d);
        }
      }
    }
  }
  return out;
}

gradientTest("attention in a batch smaller than its capacity", () => {
  const tokens = Int32Array.of(3, 1, 3, 0, 2, 1, 4, 0, 0, 5);
  const { order, ids, starts } = sortIndex(tokens);
  return {
    variables: {
      q: normalVariable([6, 2 * headDim], 44),
      k: normalVariable([6, 2 * headDim], 45),
      v: normalVariable([6, 2 * headDim], 46),
    },
    inputs: { segments, tokens, order, ids, starts },
    extents: { B, T, U: ids.length, U1: starts.length },
    capacities: { B: 3, T: 8, U: 24, U1: 25 },
    forward(graph, v) {
      const shape = [dim("B"), dim("T")];
      const index = graph.input("tokens", shape, "i32");
      const sorted = {
        order: graph.input("order", [product(shape)], "i32"),
        ids: graph.input("ids", [dim("U")], "i32"),
        starts: graph.input("starts", [dim("U1")], "i32"),
      };
      const of = (name: string) => embedding(graph, v(name), index, sorted);
      const seen = graph.input("segments", shape, "i32");
      return attention(graph, of("q"), of("k"), of("v"), seen, base);
    },
  };
});

Deno.test("attention refuses heads that key/value heads do not divide", () => {
  const graph = new Graph();
  const t = (columns: number) => graph.variable(`x${columns}`, [4, columns]);
  assert.throws(
    () =>
      attention(
        graph,
        t(12),
        t(8),
        t(8),
        graph.input("segments", [1, 4], "i32"),
        { ...base, heads: 3 },
      ),
    /3 heads are no multiple of 2/,
  );
});
