import { add } from "../../../../core/graph/ops/add.ts";
import {
  concatColumns,
  sliceColumns,
  splitColumns,
} from "../../../../core/graph/ops/columns.ts";
import { multiply } from "../../../../core/graph/ops/elementwise.ts";
import { normalVariable } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

for (
  const [where, offset] of [["first", 0], ["middle", 2], ["last", 4]] as const
) {
  gradientTest(`a slice of the ${where} columns`, () => ({
    variables: { x: normalVariable([3, 6], 61) },
    forward: (graph, v) => sliceColumns(graph, v("x"), { offset, width: 2 }),
  }));
}

gradientTest("two slices that overlap add up", () => ({
  variables: { x: normalVariable([3, 6], 62) },
  forward: (graph, v) =>
    multiply(
      graph,
      sliceColumns(graph, v("x"), { offset: 0, width: 4 }),
      sliceColumns(graph, v("x"), { offset: 2, width: 4 }),
    ),
}));

gradientTest("split and concat give each part its own gradient", () => ({
  variables: { x: normalVariable([3, 6], 63), y: normalVariable([3, 2], 64) },
  forward(graph, v) {
    const [a, b, c] = splitColumns(graph, v("x"), [1, 2, 3]);
    return concatColumns(graph, [
      c,
      multiply(graph, b, v("y")),
      a,
      add(graph, b, v("y")),
    ]);
  },
}));

gradientTest("a part of a split that nothing uses has gradient 0", () => ({
  variables: { x: normalVariable([3, 6], 65) },
  forward: (graph, v) => splitColumns(graph, v("x"), [2, 4])[1],
}));
