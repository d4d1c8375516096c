/** Which tensors are rounded to bf16, and how often. */
import assert from "node:assert/strict";
import { Graph, matmul, type Node } from "../../../../core/mod.ts";
import { dim } from "../../../../core/graph/dims.ts";
import { gradients } from "../../../../core/graph/gradients.ts";
import { narrowFactors } from "../../../../core/graph/precision/narrow_factors.ts";

function isCast({ op }: Node): boolean {
  return op.name === "cast";
}

Deno.test("an activation is rounded once for the products of both passes, a weight once for each", () => {
  const graph = new Graph();
  const x = graph.input("x", [dim("N"), 8]);
  const v = graph.variable("v", [8, 8]);
  const w = graph.variable("w", [8, 8]);
  const h = matmul(graph, x, v, { layout: "NN" });
  const y = matmul(graph, h, w, { layout: "NN" });
  const seeds = [{ tensor: y, gradient: graph.input("dy", [dim("N"), 8]) }];
  gradients(graph, { seeds, parameters: [v, w] });
  narrowFactors(graph, "bf16");
  const products = graph.nodes.filter((n) => n.op.name === "matmul");
  assert.equal(products.length, 5);
  for (const { inputs } of products) {
    assert.deepEqual(inputs.map((t) => t.dtype), ["bf16", "bf16"]);
  }
  const rounded = (id: number) =>
    graph.nodes.filter((n) => isCast(n) && n.inputs[0].id === id).length;
  assert.equal(rounded(h.id), 1);
  assert.equal(rounded(w.id), 2, "x W and dy W^T");
  assert.equal(rounded(v.id), 1, "x is no parameter: no gradient needs V");
});

Deno.test("a weight that is stored in bf16 is read as it is", () => {
  const graph = new Graph();
  const x = graph.input("x", [dim("N"), 8]);
  const frozen = graph.variable("frozen", [8, 8], "bf16");
  matmul(graph, x, frozen, { layout: "NT" });
  narrowFactors(graph, "bf16");
  const [narrow] = graph.nodes.filter((n) => n.op.name === "matmul");
  assert.equal(narrow.inputs[1].id, frozen.id);
  assert.deepEqual(narrow.inputs.map((t) => t.dtype), ["bf16", "bf16"]);
  assert.equal(graph.nodes.filter(isCast).length, 1);
});
