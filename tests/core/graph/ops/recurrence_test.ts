import { recurrence } from "../../../../core/graph/ops/recurrence.ts";
import { elementwise } from "../../../../core/graph/ops/elementwise.ts";
import { normalVariable } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const SEGMENTS = Int32Array.of(1, 1, 1, 1, 2, 2, 0, 5, 5, 5, 5, 5, 5, 0);

for (
  const [heads, keyDim, valueDim] of [[1, 1, 1], [2, 3, 2], [1, 2, 5]] as const
) {
  gradientTest(
    `a recurrence of ${heads} heads, ${keyDim} x ${valueDim}, differentiates by all its operands, across segments`,
    () => ({
      variables: {
        q: normalVariable([14, heads * keyDim], 51),
        k: normalVariable([14, heads * keyDim], 52),
        v: normalVariable([14, heads * valueDim], 53),
        gate: normalVariable([14, heads], 54),
      },
      inputs: { segments: SEGMENTS },
      forward: (graph, v) =>
        recurrence(graph, {
          q: v("q"),
          k: v("k"),
          v: v("v"),
          decay: elementwise(
            graph,
            [v("gate")],
            (g) => g.sigmoid().log(),
          ),
        }, graph.input("segments", [2, 7], "i32")),
    }),
  );
}

gradientTest("a recurrence without decay differentiates too", () => ({
  variables: {
    q: normalVariable([5, 2], 61),
    k: normalVariable([5, 2], 62),
    v: normalVariable([5, 3], 63),
    decay: { shape: [5, 1] },
  },
  frozen: ["decay"],
  inputs: { segments: Int32Array.of(1, 1, 1, 1, 1) },
  forward: (graph, v) =>
    recurrence(graph, {
      q: v("q"),
      k: v("k"),
      v: v("v"),
      decay: v("decay"),
    }, graph.input("segments", [1, 5], "i32")),
}));
