import assert from "node:assert/strict";
import { dim } from "../../../core/graph/dims.ts";
import { Graph, type Op } from "../../../core/graph/graph.ts";
import { add } from "../../../core/graph/ops/add.ts";
import { embedding, zerosOp } from "../../../core/graph/ops/embedding.ts";
import { matmul } from "../../../core/graph/ops/matmul.ts";
import { reshape } from "../../../core/graph/ops/reshape.ts";
import { traceGraph } from "../../../core/graph/trace.ts";

const N = dim("N");
const EVERY = { kernels: null, target: "a target" };

Deno.test("traceGraph gives each value a buffer that one call writes, without work in place", () => {
  const graph = new Graph();
  const table = graph.variable("table", [7, 4]);
  const weight = graph.variable("weight", [4, 4]);
  const x = embedding(graph, table, graph.input("tokens", [N], "i32"));
  const y = matmul(graph, x, weight, { layout: "NT", addend: x });
  graph.output("y", add(graph, reshape(y, 2), reshape(y, 2)));
  matmul(graph, x, weight, { layout: "NN" }); // nothing reads it
  const { calls, inputs, variables, outputs } = traceGraph(graph, EVERY);
  assert.deepEqual(calls.map((c) => c.kernel), [
    "gather_rows",
    "matmul",
    "rows",
  ]);
  const written = calls.flatMap((c) => c.outputs.map((v) => v.buffer));
  assert.equal(new Set(written).size, written.length);
  assert.deepEqual([...inputs.keys()], ["tokens"]);
  assert.deepEqual([...variables.keys()], ["table", "weight"]);
  // a reshaped tensor is the same buffer in other sizes
  assert.equal(calls[2].inputs[0].buffer, calls[1].outputs[0].buffer);
  assert.deepEqual(calls[2].inputs[0].shape[1], 2);
  assert.equal(outputs.get("y")?.buffer, calls[2].outputs[0].buffer);
});

Deno.test("traceGraph uses the target's kernels, and names the op that needs another", () => {
  const graph = new Graph();
  graph.output("zeros", graph.apply1(zerosOp, [], { shape: [N, 3] }));
  const kernels = new Set(["rows"]);
  const { calls } = traceGraph(graph, { kernels, target: "paper" });
  assert.deepEqual(calls.map((c) => c.kernel), ["rows"]);
  const other = new Graph();
  const table = other.variable("table", [7, 4]);
  other.output(
    "x",
    embedding(other, table, other.input("tokens", [N], "i32")),
  );
  assert.throws(
    () => traceGraph(other, { kernels, target: "paper" }),
    /gather_rows: paper has no kernel gather_rows/,
  );
});

for (const what of ["capacity", "repeat"] as const) {
  Deno.test(`traceGraph refuses an op whose kernels depend on a plan: ${what}`, () => {
    const planned: Op = {
      name: "planned",
      infer: ([x]) => [x],
      lower({ capacity, repeat }) {
        if (what === "capacity") capacity(N);
        else repeat({ total: N, chunk: 2, as: "n" }, () => {});
      },
    };
    const graph = new Graph();
    const x = graph.input("x", [N, 2]);
    graph.output("y", graph.apply1(planned, [x], {}));
    assert.throws(() => traceGraph(graph, EVERY), /^RangeError: planned: /);
  });
}
