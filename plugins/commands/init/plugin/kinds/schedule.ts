import type { KindTemplate } from "../kind_template.ts";

/** Halves the learning rate every so many steps. */
export const schedule: KindTemplate = {
  does: "A schedule for denotune: half the learning rate every few steps.",
  part: `/** Half the learning rate every few steps. @module */
import { definePart, definePlugin, type Plugin } from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  every: z.int().min(1).default(1000).describe("Steps of one rate"),
});

const part = definePart({
  kind: "schedule",
  name: "NAME",
  description: "Half the learning rate every few steps",
  options,
  // a factor on the optimizer's rate; steps count from 0. Nothing is
  // remembered between calls, so that a run can be resumed.
  create: ({ every }) => ({
    factor: (step, { totalSteps: _ }) => 0.5 ** Math.floor(step / every),
  }),
});
`,
  test: `import assert from "node:assert/strict";
import { makePart, testSchedule } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every schedule must do
testSchedule(plugin.name, () => makePart(plugin, "schedule"));

// what is special about this one
Deno.test("the rate is halved every 10 steps", async () => {
  const schedule = await makePart(plugin, "schedule", { every: 10 });
  const factors = [0, 9, 10, 25].map((step) =>
    schedule.factor(step, { totalSteps: 100 })
  );
  assert.deepEqual(factors, [1, 1, 0.5, 0.25]);
});
`,
  run: { more: "schedule: { use: NAME, every: 2 }" },
};
