/**
 * The plainest optimizer: the weight, less the learning rate times its gradient.
 * @module
 */
import type { Optimizer } from "@denotune/denotune/core";

/** Gradient descent without state. */
export const gradientRule: Optimizer = {
  learningRate: 0,
  weightDecay: 0,
  slots: [],
  scalarNames: [],
  scalars: () => ({}),
  decays: () => false,
  update: ({ parameter, gradient, learningRate }) => ({
    parameter: parameter.sub(gradient.mul(learningRate)),
    slots: {},
  }),
};
