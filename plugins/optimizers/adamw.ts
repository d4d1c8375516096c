/**
 * AdamW (arXiv:1711.05101): the part and its options. Its rule is in `adamw_rule.ts`.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { z } from "zod";
import { beta, decayNormAndBias, stateBits, weightDecay } from "./_decay.ts";
import type { AdamWOptions } from "./adamw_rule.ts";

export type { AdamWOptions } from "./adamw_rule.ts";

const options: z.ZodType<AdamWOptions, Partial<AdamWOptions>> = z.strictObject({
  learning_rate: z.number().min(0).default(5e-5).describe(
    "Step size at factor 1 of the schedule",
  ),
  betas: z.tuple([beta, beta]).readonly().default([0.9, 0.999]).describe(
    "Coefficients of the moving averages of the gradient and of its square",
  ),
  eps: z.number().positive().default(1e-8).describe(
    "Added to the divisor, so that it is never 0",
  ),
  weight_decay: weightDecay,
  decay_norm_and_bias: decayNormAndBias,
  state_bits: stateBits,
});

/** The part `adamw`. */
export const adamw: Part<"optimizer", Partial<AdamWOptions>, AdamWOptions> = {
  kind: "optimizer",
  name: "adamw",
  description: "Adam with decoupled weight decay, PyTorch's rule",
  options,
  create: async (o) => (await import("./adamw_rule.ts")).adamwOptimizer(o),
};
