/**
 * Lion (arXiv:2302.06675, Algorithm 2): steps of one size in the direction of a sign, and half of
 * Adam's state.
 *
 * ```text
 * u := sign(b1 m + (1 - b1) g)
 * p := p - lr (u + decay p)
 * m := b2 m + (1 - b2) g
 * ```
 * @module
 */
import type { Optimizer, Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  beta,
  decayNormAndBias,
  decayRule,
  stateBits,
  weightDecay,
} from "./_decay.ts";

/** Options of {@linkcode lion}. */
export interface LionOptions {
  /** Step size at factor 1 of the schedule: 3 to 10 times smaller than AdamW's. */
  readonly learning_rate: number;
  /** Coefficients of the direction and of the moving average. */
  readonly betas: readonly [number, number];
  /** Share of a weight that a step takes away, times the learning rate. */
  readonly weight_decay: number;
  /** Whether norms and biases decay too. */
  readonly decay_norm_and_bias: boolean;
  /** Bits of a number of the state; 32 where absent. */
  readonly state_bits?: 32 | 8;
}

const options: z.ZodType<LionOptions, Partial<LionOptions>> = z.strictObject({
  learning_rate: z.number().min(0).default(1e-5).describe(
    "Step size at factor 1 of the schedule: 3 to 10 times smaller than AdamW's",
  ),
  betas: z.tuple([beta, beta]).readonly().default([0.9, 0.99]).describe(
    "Coefficients of the direction and of the moving average",
  ),
  weight_decay: weightDecay,
  decay_norm_and_bias: decayNormAndBias,
  state_bits: stateBits,
});

/** The update rule as expressions. */
export function lionRule(o: LionOptions): Optimizer<"exp_avg", never> {
  const [b1, b2] = o.betas;
  return {
    learningRate: o.learning_rate,
    weightDecay: o.weight_decay,
    decays: decayRule(o.decay_norm_and_bias),
    slots: ["exp_avg"],
    scalarNames: [],
    scalars: () => ({}),
    update({ parameter, gradient, slots, learningRate, weightDecay }) {
      const direction = slots.exp_avg.mul(b1).add(gradient.mul(1 - b1)).sign();
      const step = direction.add(parameter.mul(weightDecay));
      return {
        parameter: parameter.sub(learningRate.mul(step)),
        slots: { exp_avg: slots.exp_avg.mul(b2).add(gradient.mul(1 - b2)) },
      };
    },
  };
}

/** The part `lion`. */
export const lion: Part<"optimizer", Partial<LionOptions>, LionOptions> = {
  kind: "optimizer",
  name: "lion",
  description: "Sign of a moving average: half of AdamW's state",
  options,
  async create(o) {
    if (o.state_bits !== 8) return lionRule(o);
    const { withBlockStates } = await import("./_block_states.ts");
    return withBlockStates(lionRule(o), { exp_avg: "dynamic-int8" });
  },
};
