import assert from "node:assert/strict";
import { dim } from "../../../core/graph/dims.ts";
import { Graph } from "../../../core/graph/graph.ts";
import { elementwise } from "../../../core/graph/ops/elementwise.ts";
import { openSession } from "../../graph_harness.ts";

/** Two programs that read `x` (N); the first declares `y` too, and never reads it. */
async function session() {
  const build = (factor: number) => {
    const graph = new Graph();
    const x = graph.input("x", [dim("N")]);
    graph.output("out", elementwise(graph, [x], (v) => v.mul(factor)));
    return graph;
  };
  const first = build(2);
  first.input("y", [1], "i32");
  return await openSession([
    { name: "first", graph: first, capacities: { N: 4 } },
    { name: "second", graph: build(3), capacities: { N: 4 } },
  ], {});
}
const x = Float32Array.of(1, 2);

Deno.test("an input that no program has is refused with the names that are known", async () => {
  await using s = await session();
  assert.throws(
    () => s.run("first", { N: 2 }, { x, positons: x }),
    /first: there is no input positons; known: .*tokens.*, x, y/,
  );
});

Deno.test("an input of another type or size is refused with what was given", async () => {
  await using s = await session();
  assert.throws(
    () => s.run("first", { N: 2 }, { x: Int32Array.of(1, 2) }),
    /first: the input x is f32, given i32/,
  );
  assert.throws(
    () => s.run("first", { N: 3 }, { x }),
    /first: the input x has 3 elements \(N\), given 2/,
  );
});

Deno.test("an input that was not written before the run is refused", async () => {
  await using s = await session();
  assert.throws(
    () => s.run("first", { N: 2 }),
    /first: the input x was not written/,
  );
});

Deno.test("an input keeps what the last run of its program got, in as many elements", async () => {
  await using s = await session();
  s.run("first", { N: 2 }, { x });
  s.run("first", { N: 2 });
  assert.deepEqual(
    [...await s.output("first", "out", { N: 2 })],
    [2, 4],
  );
  assert.throws(
    () => s.run("first", { N: 1 }),
    /x was not written for this run's sizes: it holds 2 elements, and 1 are read/,
  );
  s.run("second", { N: 2 }, { x });
  assert.throws(
    () => s.run("first", { N: 2 }),
    /first: the input x was not written: it holds what second read/,
  );
});

Deno.test("an input that another program declares is left out", async () => {
  await using s = await session();
  s.run("second", { N: 2 }, { x, y: Int32Array.of(1) });
  assert.deepEqual(
    [...await s.output("second", "out", { N: 2 })],
    [3, 6],
  );
});
