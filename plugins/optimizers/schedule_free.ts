/**
 * Schedule-free AdamW (arXiv:2405.15682): instead of a falling learning rate the steps are averaged, so that a run needs
 * no end. The rule is that of its authors' `AdamWScheduleFree`; gradients are taken at y, the weights that a run trains,
 * and x is evaluated and saved.
 *
 * ```text
 * z := z - lr d          d = g / (sqrt(v / (1 - b2^t)) + eps) + decay y          v := b2 v + (1 - b2) g^2
 * x := (1 - c) x + c z   c = lr_max^2 / (sum of lr_max^2 over all steps)
 * y  = (1 - b1) z + b1 x
 * ```
 *
 * x and y are kept, z follows from them: (y - b1 x) / (1 - b1). So the memory is AdamW's.
 * @module
 */
import {
  constant,
  definePart,
  type Optimizer,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";
import { decayNormAndBias, decayRule, weightDecay } from "./_decay.ts";

/** Options of {@linkcode scheduleFree}. */
export interface ScheduleFreeOptions {
  /** Step size after the warm-up. */
  readonly learning_rate: number;
  /** Share of x in y, and coefficient of the moving average of the gradient's square. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Share of a weight that a step takes away, times the learning rate. */
  readonly weight_decay: number;
  /** Whether norms and biases decay too. */
  readonly decay_norm_and_bias: boolean;
  /** Steps in which the learning rate rises from 0. */
  readonly warmup_steps: number;
}

/** States: x, and the moving average of the gradient's square. */
export type ScheduleFreeSlot = "average" | "exp_avg_sq";
/** Numbers of a step: share of the learning rate, c, 1 / (1 - b2^t). */
export type ScheduleFreeScalar = "warmth" | "share" | "square_correction";

const options: z.ZodType<ScheduleFreeOptions, Partial<ScheduleFreeOptions>> = z
  .strictObject({
    learning_rate: z.number().min(0).default(2.5e-4).describe(
      "Step size after the warm-up; 1 to 10 times that of AdamW with a schedule",
    ),
    betas: z.tuple([
      z.number().positive().lt(1),
      z.number().min(0).lt(1),
    ]).readonly().default([0.9, 0.999]).describe(
      "Share of the average in the weights that are trained, and coefficient of the moving average of squares",
    ),
    eps: z.number().positive().default(1e-8).describe(
      "Added to the divisor, so that it is never 0",
    ),
    weight_decay: weightDecay,
    decay_norm_and_bias: decayNormAndBias,
    warmup_steps: z.int().min(0).default(0).describe(
      "Steps in which the learning rate rises from 0; the schedule must be constant, without a warm-up of its own",
    ),
  });

/** The update rule as expressions. */
export function scheduleFreeRule(
  o: ScheduleFreeOptions,
): Optimizer<ScheduleFreeSlot, ScheduleFreeScalar> {
  const [b1, b2] = o.betas;
  const warmth = (step: number) => Math.min(1, step / (o.warmup_steps || 1));
  return {
    learningRate: o.learning_rate,
    weightDecay: o.weight_decay,
    ownsSchedule: true,
    decays: decayRule(o.decay_norm_and_bias),
    slots: ["average", "exp_avg_sq"],
    average: { slot: "average", used: true },
    scalarNames: ["warmth", "share", "square_correction"],
    scalars: (step) => ({
      warmth: warmth(step),
      share: warmth(step) ** 2 / sumOfSquares(step, o.warmup_steps),
      square_correction: 1 / (1 - b2 ** step),
    }),
    update({ parameter: y, gradient, slots, scalars, ...inputs }) {
      const x = slots.average;
      const rate = inputs.learningRate.mul(scalars.warmth);
      const square = slots.exp_avg_sq.mul(b2)
        .add(gradient.mul(gradient).mul(1 - b2));
      const divisor = square.mul(scalars.square_correction).sqrt().add(o.eps);
      const step = gradient.div(divisor).add(inputs.weightDecay.mul(y));
      // from z, with what c and the step add, y and x in few roundings
      const toZ = y.sub(x).mul(1 / (1 - b1)); // z - x
      const nextZ = toZ.sub(rate.mul(step)); // the next z, from the x of before
      const nextX = x.add(scalars.share.mul(nextZ));
      const left = constant(1).sub(scalars.share);
      return {
        parameter: nextX.add(left.mul(nextZ).mul(1 - b1)),
        slots: { average: nextX, exp_avg_sq: square },
      };
    },
  };
}

/** Sum of the squared shares of the learning rate over steps 1 to `step`. */
function sumOfSquares(step: number, warmup: number): number {
  const n = Math.min(step, warmup);
  const rising = n * (n + 1) * (2 * n + 1) / (6 * (warmup || 1) ** 2);
  return rising + Math.max(0, step - warmup);
}

/** The part `schedule-free`. */
export const scheduleFree: Part<
  "optimizer",
  Partial<ScheduleFreeOptions>,
  ScheduleFreeOptions
> = definePart({
  kind: "optimizer",
  name: "schedule-free",
  description: "AdamW with averaged steps instead of a falling learning rate",
  options,
  create: scheduleFreeRule,
});
