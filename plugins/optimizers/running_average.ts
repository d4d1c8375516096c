/**
 * A running average of the weights beside any optimizer (Polyak averaging, with exponential weights):
 *
 * ```text
 * a(0) = p(0)          a(t) = decay a(t - 1) + (1 - decay) p(t)
 * ```
 *
 * A step that is left out (its gradient was not finite) leaves the average as it was.
 * @module
 */
import {
  type Choice,
  ConfigError,
  type Optimizer,
  type TensorUpdate,
  type TrainedTensor,
} from "@denotune/denotune/core";

/** Options of `ema`. */
export interface EmaOptions {
  /** How much of the average stays at each step. */
  readonly decay: number;
  /** Whether evaluation and saving use the average. */
  readonly use_average: boolean;
  /** The optimizer that it follows. */
  readonly of: Choice;
}

/** The optimizer with an average beside it. Throws `ConfigError` for one that keeps an average already. */
export function withAverage(
  of: Optimizer,
  { decay, use_average }: Pick<EmaOptions, "decay" | "use_average">,
): Optimizer {
  if (of.average !== undefined || of.slots.includes("ema")) {
    throw new ConfigError(
      "optimizer.of of `ema` keeps an average already: name the optimizer that makes the steps (adamw)",
    );
  }
  return {
    tensorUpdate(tensor) {
      const inner = of.tensorUpdate?.(tensor) ?? null;
      return inner === null ? null : averagedUpdate(inner, tensor, decay);
    },
    learningRate: of.learningRate,
    weightDecay: of.weightDecay,
    decays: (tensor) => of.decays(tensor),
    learningRateFactor: (tensor) => of.learningRateFactor?.(tensor) ?? 1,
    slots: [...of.slots, "ema"],
    average: { slot: "ema", used: use_average },
    scalarNames: of.scalarNames,
    scalars: (step) => of.scalars(step),
    update(inputs) {
      const { parameter, slots } = of.update(inputs);
      const average = inputs.slots.ema.mul(decay)
        .add(parameter.mul(1 - decay));
      return { parameter, slots: { ...slots, ema: average } };
    },
  };
}

/** A tensor's graph, with the average behind it. */
function averagedUpdate(
  of: TensorUpdate,
  { shape }: TrainedTensor,
  decay: number,
): TensorUpdate {
  return {
    states: { ...of.states, ema: { shape } },
    update(inputs) {
      const { parameter, states } = of.update(inputs);
      const average = inputs.map(
        [inputs.states.ema, parameter],
        ([before, now]) => before.mul(decay).add(now.mul(1 - decay)),
      );
      return { parameter, states: { ...states, ema: average } };
    },
  };
}
