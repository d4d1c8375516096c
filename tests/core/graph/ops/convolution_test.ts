import { convolution } from "../../../../core/graph/ops/convolution.ts";
import { normalVariable } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const SEGMENTS = Int32Array.of(1, 1, 1, 1, 2, 2, 0, 5, 5, 5, 5, 5, 5, 0);

for (const taps of [2, 3, 4, 9]) {
  gradientTest(
    `a convolution of ${taps} taps differentiates by x and the weight, across segments`,
    () => ({
      variables: {
        x: normalVariable([14, 3], 30 + taps),
        weight: normalVariable([3, 1, taps], 40 + taps),
      },
      inputs: { segments: SEGMENTS },
      forward: (graph, v) =>
        convolution(
          graph,
          v("x"),
          v("weight"),
          graph.input("segments", [2, 7], "i32"),
        ),
    }),
  );
}
