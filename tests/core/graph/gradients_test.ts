import { gradients } from "../../../core/graph/gradients.ts";
import { rmsNorm } from "../../../core/graph/ops/norms.ts";
import { stopGradient } from "../../../core/graph/ops/sums.ts";
import assert from "node:assert/strict";
import {
  dropout,
  Graph,
  matmul,
  rows,
  spaceOf,
  swiglu,
  type Tensor,
} from "../../../core/mod.ts";
import { add } from "../../../core/graph/ops/add.ts";
import { input, write } from "../../../core/graph/expression.ts";
import {
  assertGradients,
  normalVariable,
  runGraph,
  type Variables,
} from "../../graph_harness.ts";

const variables: Variables = {
  x: normalVariable([5, 4], 91),
  norm: normalVariable([4], 92),
  up: normalVariable([6, 4], 93, 0.4),
  gate: normalVariable([6, 4], 94, 0.4),
  down: normalVariable([4, 6], 95, 0.4),
};
const keys = Int32Array.of(1, 2, 3, 4, 5);

/** A block with a residual, dropout and shared weights. */
function block(graph: Graph, x: Tensor, stream: number): Tensor {
  const v = (name: string) => graph.variable(name, variables[name].shape);
  const n = rmsNorm(graph, x, v("norm"), { eps: 1e-5 });
  const gated = swiglu(
    graph,
    matmul(graph, n, v("gate"), { layout: "NT" }),
    matmul(graph, n, v("up"), { layout: "NT" }),
  );
  const dropped = dropout(graph, gated, graph.input("keys", [5], "i32"), {
    p: 0.25,
    stream,
  });
  return matmul(graph, dropped, v("down"), { layout: "NT", addend: x });
}

function model(graph: Graph, checkpoint: boolean): Tensor {
  let x = graph.variable("x", [5, 4]);
  for (let i = 0; i < 3; i++) {
    const here = x;
    const body = () => block(graph, here, i);
    x = checkpoint ? graph.checkpoint(body) : body();
  }
  return x;
}

Deno.test("gradients of a small model are its finite differences", () =>
  assertGradients({
    variables,
    inputs: { keys },
    forward: (graph) => model(graph, false),
    tolerance: 2e-5, // three blocks deep: larger fifth derivatives
  }));

async function gradientsOf(checkpoint: boolean) {
  const graph = new Graph();
  const y = model(graph, checkpoint);
  const parameters = Object.keys(variables).map((name) =>
    graph.variable(name, variables[name].shape)
  );
  const forwardNodes = graph.nodes.length;
  const found = gradients(graph, {
    seeds: [{ tensor: y, gradient: graph.input("seed", [5, 4]) }],
    parameters,
  });
  Object.keys(variables).forEach((name, i) =>
    graph.output(name, found.get(parameters[i])!)
  );
  const seed = normalVariable([5, 4], 99).data as Float32Array;
  return {
    nodes: graph.nodes.length,
    forwardNodes,
    values: await runGraph(graph, { variables, inputs: { keys, seed } }),
  };
}

Deno.test("checkpointed blocks are computed again and give the same gradients bit for bit", async () => {
  const [plain, checkpointed] = [
    await gradientsOf(false),
    await gradientsOf(true),
  ];
  assert.deepEqual(checkpointed.values, plain.values);
  assert.equal(checkpointed.forwardNodes, plain.forwardNodes);
  assert.equal(
    checkpointed.nodes,
    plain.nodes + plain.forwardNodes,
    "every forward node of the blocks is emitted once more",
  );
});

Deno.test("a parameter that the seed does not depend on has no gradient", () => {
  const graph = new Graph();
  const [a, b] = [graph.variable("a", [2, 2]), graph.variable("b", [2, 2])];
  const y = add(graph, a, a);
  const found = gradients(graph, {
    seeds: [{ tensor: y, gradient: graph.input("seed", [2, 2]) }],
    parameters: [a, b],
  });
  assert.ok(found.get(a) !== undefined);
  assert.equal(found.get(b), undefined);
});

Deno.test("no gradient passes stopGradient", () =>
  assertGradients({
    variables: { x: normalVariable([3, 4], 96), y: normalVariable([3, 4], 97) },
    frozen: ["y"],
    forward: (graph, v) =>
      add(graph, v("x"), stopGradient(graph, add(graph, v("y"), v("y")))),
  }));

Deno.test("an accumulator is where the sum starts", async () => {
  const graph = new Graph();
  const x = graph.variable("x", [2, 2]);
  const slot = graph.variable("slot", [2, 2]);
  const found = gradients(graph, {
    seeds: [{
      tensor: add(graph, x, x),
      gradient: graph.input("seed", [2, 2]),
    }],
    parameters: [x],
    accumulators: new Map([[x, slot]]),
  });
  graph.output("d", found.get(x)!);
  const { d } = await runGraph(graph, {
    variables: {
      x: { shape: [2, 2] },
      slot: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    },
    inputs: { seed: Float32Array.of(1, 1, 2, 2) },
  });
  assert.deepEqual([...d], [3, 4, 7, 8]);
});

Deno.test("two seeds add up, also at one tensor", async () => {
  const graph = new Graph();
  const x = graph.variable("x", [4]);
  const y = add(graph, x, x);
  const seed = graph.input("seed", [4]);
  const found = gradients(graph, {
    seeds: [{ tensor: y, gradient: seed }, { tensor: y, gradient: seed }],
    parameters: [x],
  });
  graph.output("d", found.get(x)!);
  const { d } = await runGraph(graph, {
    variables: { x: { shape: [4] } },
    inputs: { seed: Float32Array.of(1, 2, 3, 4) },
  });
  assert.deepEqual([...d], [4, 8, 12, 16]);
});

Deno.test("an op without a gradient before a trained parameter is an error that names it", () => {
  const graph = new Graph();
  const x = graph.variable("x", [2, 2]);
  const y = graph.scope("mlp", () =>
    rows(graph, [x], spaceOf(x), {
      inputs: ["matrix"],
      stages: [write(0, input(0).exp())],
      outputs: ["matrix"],
    })[0]);
  assert.throws(
    () =>
      gradients(graph, {
        seeds: [{ tensor: y, gradient: graph.input("seed", [2, 2]) }],
        parameters: [x],
      }),
    /mlp\.rows: this row program has no gradient/,
  );
});
