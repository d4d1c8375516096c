/**
 * The warm-up that every built-in schedule has: the factor rises in a line from 0 at step 0 to 1 at the
 * end of the warm-up. What comes after is the schedule's own, between 1 and `min_factor`.
 *
 * ```text
 * 1        ____
 *         /    \___            warmup_steps: 4
 *        /         \___        the first step has factor 0
 * min   /              \___
 * 0    /____________________
 *      0   4                total
 * ```
 * @module
 */
import type {
  MeasuredStep,
  RunLength,
  Schedule,
} from "@denotune/denotune/core";
import { z } from "zod";

/** Options of every built-in schedule. */
export interface WarmupOptions {
  /** Steps in which the learning rate rises from 0; null: as `warmup_ratio` says. */
  readonly warmup_steps: number | null;
  /** The same as a share of all steps. */
  readonly warmup_ratio: number | null;
}

/** Options of the schedules that fall. */
export interface DecayOptions extends WarmupOptions {
  /** What the factor falls to at the end of the run. */
  readonly min_factor: number;
}

/** Fields of {@linkcode WarmupOptions}, for schemas of schedules with more options. */
export const warmup = {
  warmup_steps: z.int().min(0).nullable().default(null).describe(
    "Steps in which the learning rate rises from 0; null: as warmup_ratio says",
  ),
  warmup_ratio: z.number().min(0).max(1).nullable().default(null).describe(
    "The same as a share of all steps, rounded up; null: as warmup_steps says, else no warm-up",
  ),
};

/** What a schema says where both are given. */
export const onlyOne = {
  message:
    "warmup_steps and warmup_ratio are both given and say the same thing twice: remove one",
  path: ["warmup_ratio"],
};

/** Whether the warm-up is given once at most. */
export function notBoth(o: WarmupOptions): boolean {
  return o.warmup_steps === null || o.warmup_ratio === null;
}

/** Field of {@linkcode DecayOptions}. */
export const minFactor: z.ZodDefault<z.ZodNumber> = z.number().min(0).max(1)
  .default(0).describe("What the factor falls to at the end of the run");

/** Schema of {@linkcode WarmupOptions}. */
export const warmupOptions: z.ZodType<WarmupOptions, Partial<WarmupOptions>> = z
  .strictObject(warmup).refine(notBoth, onlyOne);

/** Schema of {@linkcode DecayOptions}. */
export const decayOptions: z.ZodType<DecayOptions, Partial<DecayOptions>> = z
  .strictObject({
    ...warmup,
    min_factor: minFactor,
  }).refine(notBoth, onlyOne);

/** A step behind the warm-up. */
export interface StepAfter {
  /** Counted from 0 at the start of the run. */
  readonly step: number;
  /** Steps of the warm-up. */
  readonly rising: number;
  /** Steps of the run. */
  readonly totalSteps: number;
  /** What evaluations measured, for a schedule with a `metric`. */
  readonly evaluations: readonly MeasuredStep[];
}

/**
 * A schedule with a warm-up: `after` is given the share of the steps behind the warm-up that have gone
 * by, in [0, 1].
 */
export function withWarmup(
  options: WarmupOptions,
  after: (progress: number, at: StepAfter) => number,
): Schedule {
  return {
    factor(
      step: number,
      { totalSteps, evaluations = [] }: RunLength,
    ): number {
      const rising = options.warmup_steps ??
        Math.ceil((options.warmup_ratio ?? 0) * totalSteps);
      if (step < rising) return step / rising;
      const progress = (step - rising) / Math.max(1, totalSteps - rising);
      return after(Math.min(1, progress), {
        step,
        rising,
        totalSteps,
        evaluations,
      });
    },
  };
}
