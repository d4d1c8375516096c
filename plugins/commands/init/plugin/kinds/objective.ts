import type { KindTemplate } from "../kind_template.ts";

/** Next tokens, those that the model knows already counting less. */
export const objective: KindTemplate = {
  does:
    "An objective for denotune: the focal loss on next tokens (arXiv:1708.02002).",
  part:
    `/** Next tokens, those that the model knows already counting less. @module */
import {
  defineLoss,
  definePart,
  definePlugin,
  layOutTargets,
  logProbability,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  gamma: z.number().min(0).default(1).describe(
    "How much less a token counts that is likely already; 0: the usual loss",
  ),
});

const part = definePart({
  kind: "objective",
  name: "NAME",
  description: "Next tokens, likely ones counting less (focal loss)",
  options,
  create: ({ gamma }) => ({
    attention: "causal",
    // what the model is run on: tokens (B, T), and of R trained tokens the
    // targets and weights (R); the divisor is the sum of the weights
    inputs: (batch, key) => layOutTargets(batch, key, { shift: 1 }),
    // expressions over statistics of each row of logits (R); the engine
    // differentiates them, and divides their sum by the divisor
    loss: defineLoss({
      statistics: { logProbability },
      loss({ statistics, weights }) {
        const likely = statistics.logProbability.exp();
        const factor = likely.neg().add(1).max(1e-6).log().mul(gamma).exp();
        return {
          loss: statistics.logProbability.neg().mul(factor).mul(weights),
          // in metrics.jsonl, and as eval_likely of an evaluation
          metrics: { likely: { sum: likely } },
        };
      },
    }),
  }),
});
`,
  test: `import { makePart, testObjective } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every objective must do: divisor, packing, accumulation, slopes
testObjective(plugin.name, () => makePart(plugin, "objective"));
`,
  run: {
    more: `objective: { use: NAME, gamma: 2 }`,
  },
};
