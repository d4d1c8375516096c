import { product } from "../../../../core/graph/dims.ts";
import { layerNorm, rmsNorm } from "../../../../core/graph/ops/norms.ts";
import { add } from "../../../../core/graph/ops/add.ts";
import { normalVariable } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const x = () => normalVariable([5, 6], 11);

gradientTest("rmsNorm differentiates by x and the weight", () => ({
  variables: { x: x(), weight: normalVariable([6], 12) },
  forward: (graph, v) => rmsNorm(graph, v("x"), v("weight"), { eps: 1e-5 }),
}));

gradientTest("layerNorm differentiates by x, the weight and the bias", () => ({
  variables: {
    x: x(),
    weight: normalVariable([6], 13),
    bias: normalVariable([6], 14),
  },
  forward: (graph, v) =>
    layerNorm(graph, v("x"), v("weight"), v("bias"), { eps: 1e-5 }),
}));

gradientTest(
  "a norm with a residual around it adds into what came before",
  () => ({
    variables: { x: x(), weight: normalVariable([6], 15) },
    forward: (graph, v) =>
      add(graph, v("x"), rmsNorm(graph, v("x"), v("weight"), { eps: 1e-5 })),
  }),
);

gradientTest(
  "a norm by heads sums the weight's gradient over rows and heads",
  () => ({
    variables: {
      x: normalVariable([4, 6], 16),
      weight: normalVariable([3], 17),
    },
    forward(graph, v) {
      const heads = { ...v("x"), shape: [product([4, 2]), 3] };
      const y = rmsNorm(graph, heads, v("weight"), { eps: 1e-5 });
      return { ...y, shape: [4, 6] };
    },
  }),
);

gradientTest("frozen norm weights get no gradient and x still does", () => ({
  variables: { x: x(), weight: normalVariable([6], 18) },
  frozen: ["weight"],
  forward: (graph, v) => rmsNorm(graph, v("x"), v("weight"), { eps: 1e-5 }),
}));
