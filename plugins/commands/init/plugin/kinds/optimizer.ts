import type { KindTemplate } from "../kind_template.ts";

/** Steps by the sign of a moving average of the gradient. */
export const optimizer: KindTemplate = {
  does:
    "An optimizer for denotune: steps by the sign of the gradient's moving average.",
  part: `/** Steps by the sign of a moving average of the gradient. @module */
import { definePart, definePlugin, type Plugin } from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  learning_rate: z.number().min(0).default(1e-3).describe("Size of a step"),
  momentum: z.number().min(0).lt(1).default(0.9).describe(
    "Share of the moving average that stays at each step",
  ),
});

const part = definePart({
  kind: "optimizer",
  name: "NAME",
  description: "Steps by the sign of the gradient's moving average (Signum)",
  options,
  create: ({ learning_rate, momentum }) => ({
    learningRate: learning_rate,
    weightDecay: 0,
    decays: () => false,
    // states, each of the parameter's shape and zero at the start
    slots: ["average"],
    // numbers that change with the step (counted from 1), as Adam's 1 - beta^t
    scalarNames: [],
    scalars: () => ({}),
    // one expression for the parameter, and one for each state; the gradient
    // is divided and clipped already
    update({ parameter, gradient, slots, learningRate }) {
      const average = slots.average.mul(momentum)
        .add(gradient.mul(1 - momentum));
      return {
        parameter: parameter.sub(average.sign().mul(learningRate)),
        slots: { average },
      };
    },
  }),
});
`,
  test: `import assert from "node:assert/strict";
import { makePart, testOptimizer } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every optimizer must do; steps against PyTorch's are yours to add
testOptimizer(plugin.name, () => makePart(plugin, "optimizer"));

Deno.test("the learning rate is an option", async () => {
  const optimizer = await makePart(plugin, "optimizer", {
    learning_rate: 0.5,
  });
  assert.equal(optimizer.learningRate, 0.5);
});
`,
  run: {
    more: `optimizer: { use: NAME, learning_rate: 0.003 }`,
  },
};
