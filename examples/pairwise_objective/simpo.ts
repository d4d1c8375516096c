/**
 * SimPO (arXiv:2405.14734) with a bonus for entropy: of two answers, the first is to have the larger mean
 * log-probability, by a margin.
 *
 * ```text
 * score = mean of (log p + entropy_bonus * entropy)          of each answer
 * loss  = -log sigmoid(beta * (score_0 - score_1) - gamma)    of each pair
 * ```
 * @module
 */
import {
  type Batch,
  defineLoss,
  definePart,
  definePlugin,
  entropy,
  layOutTargets,
  logProbability,
  type Part,
  type Plugin,
  type StepKey,
} from "@denotune/denotune/core";
import { z } from "zod";
import { pairs } from "./pairs.ts";

const options = z.strictObject({
  beta: z.number().positive().default(2).describe("Factor of the margin"),
  gamma: z.number().default(0.5).describe("Margin that is aimed at"),
  entropy_bonus: z.number().default(0).describe("Factor of the entropy"),
});

/** The objective. */
export const simpo: Part<
  "objective",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "objective",
  name: "simpo",
  description: "Prefers the first of two answers, by a margin (SimPO)",
  options,
  create: ({ beta, gamma, entropy_bonus }) => ({
    attention: "causal" as const,
    inputs: (batch: Batch, key: StepKey) => ({
      ...layOutTargets(batch, key, { shift: 1 }),
      divisor: batch.examples, // the loss is per pair
    }),
    loss: defineLoss({
      statistics: { logProbability, entropy },
      loss({ statistics, weights }) {
        const tokens = statistics.logProbability
          .add(statistics.entropy.mul(entropy_bonus));
        const score = tokens.mul(weights).sum("sequence")
          .div(weights.sum("sequence"));
        const margin = score.member(0).sub(score.member(1)).mul(beta);
        return {
          loss: margin.sub(gamma).logSigmoid().neg(),
          metrics: {
            margin: { sum: margin },
            preferred: { sum: margin.lt(0).select(0, 1) },
          },
        };
      },
    }),
  }),
});

const plugin: Plugin = definePlugin({
  name: "simpo",
  api: 1,
  parts: [simpo, pairs],
});
export default plugin;
