/** Which activations are kept in bf16, and who reads them rounded. */
import assert from "node:assert/strict";
import {
  elementwise,
  Graph,
  matmul,
  type Tensor,
} from "../../../../core/mod.ts";
import { computeInHalf } from "../../../../core/graph/precision/half_precision.ts";
import { dim } from "../../../../core/graph/dims.ts";
import { rmsNorm } from "../../../../core/graph/ops/norms.ts";
import { gradients } from "../../../../core/graph/gradients.ts";

/** x + silu(norm(x) W) V, with its gradients: what is kept of each of the named tensors. */
function block(build: (graph: Graph, body: () => Tensor) => Tensor) {
  const graph = new Graph();
  const [x, w, v, g] = [
    graph.input("x", [dim("N"), 8]),
    graph.variable("w", [8, 8]),
    graph.variable("v", [8, 8]),
    graph.variable("g", [8]),
  ];
  const made: Record<string, Tensor> = {};
  const y = build(graph, () => {
    const start = elementwise(graph, [x], (e) => e.mul(2));
    const n = rmsNorm(graph, start, g, { eps: 1e-5 });
    const z = matmul(graph, n, w, { layout: "NN" });
    const h = elementwise(graph, [z], (e) => e.mul(e.sigmoid()));
    Object.assign(made, { start, n, z, h });
    return matmul(graph, h, v, { layout: "NN", addend: start });
  });
  const seeds = [{ tensor: y, gradient: graph.input("dy", [dim("N"), 8]) }];
  const parameters = [w, v, g];
  const found = gradients(graph, { seeds, parameters });
  found.forEach((t, { source }) => {
    assert.ok(t !== undefined && source.kind === "variable");
    graph.output(source.name, t);
  });
  const { forwardNodes, recomputed, nodes } = graph;
  const [forward, again, backward] = [
    nodes.slice(0, forwardNodes),
    nodes.filter((node) => recomputed.has(node)),
    nodes.slice(forwardNodes).filter((node) => !recomputed.has(node)),
  ].map((list) => new Set(list.map(({ id }) => id)));
  computeInHalf(graph, "bf16");
  return { graph, made, forward, again, backward };
}

Deno.test("the backward pass reads inputs of functions from bf16, and what norms read in float32", () => {
  const { graph, made, backward } = block((_, body) => body());
  const read = new Map(
    graph.nodes.filter(({ id }) => backward.has(id))
      .flatMap(({ inputs }) => inputs.map((t) => [t.id, t.dtype] as const)),
  );
  assert.equal(read.get(made.start.id), "f32", "the norm's gradient");
  for (const name of ["z", "h", "n"]) {
    assert.ok(!read.has(made[name].id), `${name} is not read in float32`);
  }
});

Deno.test("a function and its gradient see the same rounded input, with checkpoints too", () => {
  for (const checkpointed of [false, true]) {
    const { graph, made, forward, again } = block((graph, body) =>
      checkpointed ? graph.checkpoint(body) : body()
    );
    const silu = graph.nodes.find(({ outputs }) =>
      outputs.some(({ id }) => id === made.h.id)
    );
    assert.ok(silu !== undefined && forward.has(silu.id));
    const { source } = silu.inputs[0];
    assert.ok(source.kind === "node" && source.node.op.name === "cast");
    const [narrow] = source.node.inputs;
    assert.equal(narrow.dtype, "bf16");
    assert.ok(
      narrow.source.kind === "node" &&
        narrow.source.node.inputs[0].id === made.z.id,
    );
    assert.equal(again.size > 0, checkpointed);
  }
});
