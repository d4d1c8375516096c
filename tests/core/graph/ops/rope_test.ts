import assert from "node:assert/strict";
import { Graph } from "../../../../core/mod.ts";
import { rope } from "../../../../core/graph/ops/rope.ts";
import { normalVariable, runGraph } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

/** cos, then sin, of two angles for 8 positions: (8, 4). */
function table(): Float32Array {
  return Float32Array.from({ length: 32 }, (_, i) => {
    const angle = Math.floor(i / 4) * (i % 2 === 0 ? 1 : 0.1);
    return i % 4 < 2 ? Math.cos(angle) : Math.sin(angle);
  });
}
const positions = Int32Array.of(0, 1, 2, 0, 7);

gradientTest("rope turns gradients back", () => ({
  variables: {
    x: normalVariable([5, 12], 31),
    table: { shape: [8, 4], data: table() },
  },
  frozen: ["table"],
  inputs: { positions },
  forward: (graph, v) =>
    rope(
      graph,
      v("x"),
      graph.input("positions", [5], "i32"),
      v("table"),
      { headDim: 6, rotary: 4 },
    ),
}));

Deno.test("rope rotates pairs (i, i + rotary / 2) and leaves the rest of a head", async () => {
  const graph = new Graph();
  const x = graph.variable("x", [1, 6]);
  graph.output(
    "y",
    rope(
      graph,
      x,
      graph.input("positions", [1], "i32"),
      graph.variable("table", [8, 4]),
      { headDim: 6, rotary: 4 },
    ),
  );
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);
  const { y } = await runGraph(graph, {
    variables: {
      x: { shape: [1, 6], data },
      table: { shape: [8, 4], data: table() },
    },
    inputs: { positions: Int32Array.of(3) },
  });
  const turn = (a: number, b: number, angle: number) => [
    a * Math.cos(angle) - b * Math.sin(angle),
    b * Math.cos(angle) + a * Math.sin(angle),
  ];
  const [x0, x2] = turn(1, 3, 3);
  const [x1, x3] = turn(2, 4, 0.3);
  [x0, x1, x2, x3, 5, 6].forEach((expected, i) =>
    assert.ok(Math.abs(y[i] - expected) < 1e-5, `${i}: ${y[i]} ${expected}`)
  );
});
