import assert from "node:assert/strict";
import { Graph, type Tensor } from "../../../../core/mod.ts";
import { dropout } from "../../../../core/graph/ops/dropout.ts";
import { uniformAt } from "../../../../core/random.ts";
import { normalVariable, runGraph } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const keys = Int32Array.of(5, -7, 123456789, 0);
const drop = (graph: Graph, x: Tensor, p = 0.4) =>
  dropout(graph, x, graph.input("keys", [4], "i32"), { p, stream: 3 });

gradientTest("dropout draws the same mask in the backward pass", () => ({
  variables: { x: normalVariable([4, 6], 71) },
  inputs: { keys },
  forward: (graph, v) => drop(graph, v("x")),
}));

Deno.test("dropout keeps what uniformAt says, scaled", async () => {
  const graph = new Graph();
  graph.output("y", drop(graph, graph.variable("x", [4, 6])));
  const x = { shape: [4, 6], data: new Float32Array(24).fill(3) };
  const { y } = await runGraph(graph, { variables: { x }, inputs: { keys } });
  const expected = Float32Array.from(
    { length: 24 },
    (_, i) => uniformAt(keys[Math.floor(i / 6)], 3, i % 6) >= 0.4 ? 3 / 0.6 : 0,
  );
  assert.deepEqual(y, expected);
  assert.ok(expected.includes(0) && expected.some((v) => v > 0));
});

Deno.test("dropout with p 0 adds nothing to the graph", () => {
  const graph = new Graph();
  const x = graph.variable("x", [4, 6]);
  assert.equal(drop(graph, x, 0), x);
  assert.equal(graph.nodes.length, 0);
});

Deno.test("dropout of another stream draws other numbers", async () => {
  const graph = new Graph();
  const x = graph.variable("x", [4, 6]);
  const index = graph.input("keys", [4], "i32");
  graph.output("a", dropout(graph, x, index, { p: 0.5, stream: 1 }));
  graph.output("b", dropout(graph, x, index, { p: 0.5, stream: 2 }));
  const { a, b } = await runGraph(graph, {
    variables: { x: { shape: [4, 6], data: new Float32Array(24).fill(1) } },
    inputs: { keys },
  });
  assert.notDeepEqual(a, b);
});
