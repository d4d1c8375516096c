/**
 * AdamW (arXiv:1711.05101): Adam with decay that does not go through the moments. The rule is PyTorch's:
 *
 * ```text
 * p := p (1 - lr decay)
 * m := b1 m + (1 - b1) g          v := b2 v + (1 - b2) g^2
 * p := p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 * ```
 * @module
 */
import { constant, type Optimizer } from "@denotune/denotune/core";
import { withBlockStates } from "./_block_states.ts";
import { decayRule } from "./_decay.ts";

/** Options of `adamw`. */
export interface AdamWOptions {
  /** Step size at factor 1 of the schedule. */
  readonly learning_rate: number;
  /** Coefficients of the moving averages of the gradient and of its square. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Share of a weight that a step takes away, times the learning rate. */
  readonly weight_decay: number;
  /** Whether norms and biases decay too. */
  readonly decay_norm_and_bias: boolean;
  /** Bits of a number of the two states; 32 where absent. */
  readonly state_bits?: 32 | 8;
}

/** Slots: the moving averages of the gradient and of its square. */
export type AdamWSlot = "exp_avg" | "exp_avg_sq";
/** Bias corrections of a step. */
export type AdamWScalar = "correction" | "square_correction";

/** The update rule as expressions. */
export function adamwRule(
  o: AdamWOptions,
): Optimizer<AdamWSlot, AdamWScalar> {
  const [b1, b2] = o.betas;
  return {
    learningRate: o.learning_rate,
    weightDecay: o.weight_decay,
    decays: decayRule(o.decay_norm_and_bias),
    slots: ["exp_avg", "exp_avg_sq"],
    scalarNames: ["correction", "square_correction"],
    scalars: (step) => ({
      correction: 1 / (1 - b1 ** step),
      square_correction: 1 / Math.sqrt(1 - b2 ** step),
    }),
    update({ parameter, gradient, slots, learningRate, ...inputs }) {
      const mean = slots.exp_avg.mul(b1).add(gradient.mul(1 - b1));
      const square = slots.exp_avg_sq.mul(b2)
        .add(gradient.mul(gradient).mul(1 - b2));
      const divisor = square.sqrt().mul(inputs.scalars.square_correction)
        .add(o.eps);
      const kept = constant(1).sub(learningRate.mul(inputs.weightDecay));
      const step = learningRate.mul(inputs.scalars.correction);
      return {
        parameter: parameter.mul(kept).sub(step.mul(mean.div(divisor))),
        slots: { exp_avg: mean, exp_avg_sq: square },
      };
    },
  };
}

/** The rule with its states as the options say. */
export function adamwOptimizer(o: AdamWOptions): Optimizer {
  return o.state_bits === 8
    ? withBlockStates(adamwRule(o), {
      exp_avg: "dynamic-int8",
      exp_avg_sq: "dynamic-uint8",
    })
    : adamwRule(o);
}
