/**
 * Stochastic gradient descent: the part and its options. Its rule is in `sgd_rule.ts`.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { z } from "zod";
import { beta, decayNormAndBias, weightDecay } from "./_decay.ts";
import type { SgdOptions } from "./sgd_rule.ts";

export type { SgdOptions } from "./sgd_rule.ts";

const options: z.ZodType<SgdOptions, Partial<SgdOptions>> = z.strictObject({
  learning_rate: z.number().min(0).default(1e-3).describe(
    "Step size at factor 1 of the schedule",
  ),
  momentum: beta.default(0).describe(
    "Share of the last direction that is kept; 0: no state at all",
  ),
  nesterov: z.boolean().default(false).describe(
    "Look one step ahead; needs momentum",
  ),
  weight_decay: weightDecay,
  decay_norm_and_bias: decayNormAndBias,
});

/** The part `sgd`. */
export const sgd: Part<"optimizer", Partial<SgdOptions>, SgdOptions> = {
  kind: "optimizer",
  name: "sgd",
  description:
    "Gradient descent with momentum (classical or Nesterov's), PyTorch's rule",
  options,
  create: async (o) => (await import("./sgd_rule.ts")).sgdRule(o),
};
