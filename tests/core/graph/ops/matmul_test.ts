import { matmul } from "../../../../core/graph/ops/matmul.ts";
import { normalVariable } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const shapes = {
  NN: { a: [3, 4], b: [4, 5] },
  NT: { a: [3, 4], b: [5, 4] },
  TN: { a: [4, 3], b: [4, 5] },
} as const;

for (const layout of ["NN", "NT", "TN"] as const) {
  gradientTest(`matmul ${layout} differentiates by both operands`, () => ({
    variables: {
      a: normalVariable(shapes[layout].a, 21),
      b: normalVariable(shapes[layout].b, 22),
    },
    forward: (graph, v) =>
      matmul(graph, v("a"), v("b"), { layout, alpha: 0.5 }),
  }));
  gradientTest(`matmul ${layout} differentiates by bias and addend`, () => ({
    variables: {
      a: normalVariable(shapes[layout].a, 23),
      b: normalVariable(shapes[layout].b, 24),
      bias: normalVariable([5], 25),
      addend: normalVariable([3, 5], 26),
    },
    forward: (graph, v) =>
      matmul(graph, v("a"), v("b"), {
        layout,
        alpha: 2,
        bias: v("bias"),
        addend: v("addend"),
      }),
  }));
}

gradientTest("a weight used by two products collects both gradients", () => ({
  variables: { x: normalVariable([3, 4], 27), w: normalVariable([4, 4], 28) },
  forward(graph, v) {
    const once = matmul(graph, v("x"), v("w"), { layout: "NT" });
    return matmul(graph, once, v("w"), { layout: "NN", addend: once });
  },
}));

gradientTest("x x^T differentiates by its one operand", () => ({
  variables: { x: normalVariable([3, 4], 29) },
  forward: (graph, v) => matmul(graph, v("x"), v("x"), { layout: "NT" }),
}));
