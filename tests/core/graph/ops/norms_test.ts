import assert from "node:assert/strict";
import { Graph } from "../../../../core/mod.ts";
import { product } from "../../../../core/graph/dims.ts";
import { layerNorm, rmsNorm } from "../../../../core/graph/ops/norms.ts";
import { add } from "../../../../core/graph/ops/add.ts";
import { normalVariable, runGraph } from "../../../graph_harness.ts";
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

for (
  const [kind, norm] of [["rmsNorm", rmsNorm], ["layerNorm", null]] as const
) {
  for (const weight of [true, false]) {
    for (const bias of [true, false]) {
      const has = (what: boolean, name: string) => what ? [name] : [];
      const names = [...has(weight, "weight"), ...has(bias, "bias")];
      gradientTest(
        `${kind} with an offset and ${names.join(" and ") || "x alone"}`,
        () => ({
          variables: {
            x: x(),
            ...(weight ? { weight: normalVariable([6], 19) } : {}),
            ...(bias ? { bias: normalVariable([6], 20) } : {}),
          },
          forward(graph, v) {
            const w = weight ? v("weight") : null;
            const b = bias ? v("bias") : undefined;
            const options = { eps: 1e-5, offset: 1 };
            return norm === null
              ? layerNorm(graph, v("x"), w, b ?? null, options)
              : norm(graph, v("x"), w, { ...options, bias: b });
          },
        }),
      );
    }
  }
}

Deno.test("a norm with an offset of 1 and a weight of 0 is the norm without a weight", async () => {
  const graph = new Graph();
  const variable = graph.variable("x", [5, 6]);
  const zeros = graph.variable("zeros", [6]);
  graph.output(
    "offset",
    rmsNorm(graph, variable, zeros, { eps: 1e-5, offset: 1 }),
  );
  graph.output("without", rmsNorm(graph, variable, null, { eps: 1e-5 }));
  const { offset, without } = await runGraph(graph, {
    variables: { x: x(), zeros: { shape: [6] } },
  });
  assert.deepEqual(offset, without);
});
