/**
 * Stochastic gradient descent, PyTorch's rule: the decay is added to the gradient, and so goes through
 * the momentum.
 *
 * ```text
 * g := g + decay p          b := momentum b + g
 * p := p - lr * (b, or g + momentum b with nesterov, or g without momentum)
 * ```
 * @module
 */
import { ConfigError, type Optimizer } from "@denotune/denotune/core";
import { decayRule } from "./_decay.ts";

/** Options of `sgd`. */
export interface SgdOptions {
  /** Step size at factor 1 of the schedule. */
  readonly learning_rate: number;
  /** Share of the last direction that is kept; 0: no state at all. */
  readonly momentum: number;
  /** Look one step ahead; needs momentum. */
  readonly nesterov: boolean;
  /** Share of a weight that a step takes away, times the learning rate. */
  readonly weight_decay: number;
  /** Whether norms and biases decay too. */
  readonly decay_norm_and_bias: boolean;
}

/** The update rule as expressions. Throws `ConfigError` for `nesterov` without momentum. */
export function sgdRule(o: SgdOptions): Optimizer<"momentum", never> {
  if (o.nesterov && o.momentum === 0) {
    throw new ConfigError(
      "optimizer.nesterov: true needs momentum, and optimizer.momentum is 0: set it (0.9 is usual), or nesterov: false",
    );
  }
  return {
    learningRate: o.learning_rate,
    weightDecay: o.weight_decay,
    decays: decayRule(o.decay_norm_and_bias),
    slots: o.momentum === 0 ? [] : ["momentum"],
    scalarNames: [],
    scalars: () => ({}),
    update({ parameter, gradient, slots, learningRate, weightDecay }) {
      const decayed = gradient.add(parameter.mul(weightDecay));
      if (o.momentum === 0) {
        // no slot was asked for, so none is given or returned
        return { parameter: parameter.sub(learningRate.mul(decayed)), slots };
      }
      const momentum = slots.momentum.mul(o.momentum).add(decayed);
      const direction = o.nesterov
        ? decayed.add(momentum.mul(o.momentum))
        : momentum;
      return {
        parameter: parameter.sub(learningRate.mul(direction)),
        slots: { momentum },
      };
    },
  };
}
