/**
 * Lowers the learning rate where an evaluation stops getting better, by the rule of PyTorch's `ReduceLROnPlateau`:
 *
 * ```text
 * evaluation   1     2     3     4     5     6       patience 1, factor 0.1
 * loss        2.0   1.5   1.6   1.55  1.4   1.5
 * rate         1     1     1    0.1   0.1   0.1      two in a row without a gain over 1.5
 * ```
 *
 * What evaluations gave is kept in checkpoints, so a run that resumes goes on as if it had not stopped.
 * @module
 */
import {
  definePart,
  type MeasuredStep,
  type Part,
  type Schedule,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  minFactor,
  notBoth,
  onlyOne,
  warmup,
  type WarmupOptions,
  withWarmup,
} from "./_warmup.ts";

/** Options of {@linkcode reduceOnPlateau}. */
export interface ReduceOnPlateauOptions extends WarmupOptions {
  /** The metric that is watched. */
  readonly metric: string;
  /** Whether larger is better; null: for all but losses and perplexities. */
  readonly greater_is_better: boolean | null;
  /** What the learning rate is multiplied by. */
  readonly factor: number;
  /** Evaluations without a gain that are waited for. */
  readonly patience: number;
  /** Least gain, as a share of the best value or as it is. */
  readonly threshold: number;
  /** Whether `threshold` is a share (rel) or a difference (abs). */
  readonly threshold_mode: "rel" | "abs";
  /** Evaluations after a reduction that do not count. */
  readonly cooldown: number;
  /** What the factor falls to at most. */
  readonly min_factor: number;
}

const options: z.ZodType<
  ReduceOnPlateauOptions,
  Partial<ReduceOnPlateauOptions>
> = z.strictObject({
  ...warmup,
  metric: z.string().min(1).default("eval_loss").describe(
    "The metric of evaluations that is watched",
  ),
  greater_is_better: z.boolean().nullable().default(null).describe(
    "Whether larger is better; null: for all but losses and perplexities",
  ),
  factor: z.number().positive().lt(1).default(0.1).describe(
    "What the learning rate is multiplied by",
  ),
  patience: z.int().min(0).default(10).describe(
    "Evaluations without a gain that are waited for",
  ),
  threshold: z.number().min(0).default(1e-4).describe(
    "Least gain over the best value that counts",
  ),
  threshold_mode: z.enum(["rel", "abs"]).default("rel").describe(
    "rel: threshold is a share of the best value; abs: a difference",
  ),
  cooldown: z.int().min(0).default(0).describe(
    "Evaluations after a reduction that do not count",
  ),
  min_factor: minFactor,
}).refine(notBoth, onlyOne);

/** The factor behind the warm-up, after these evaluations. */
function factorAfter(
  evaluations: readonly MeasuredStep[],
  o: ReduceOnPlateauOptions,
): number {
  const sign = (o.greater_is_better ?? !/(loss|perplexity)$/.test(o.metric))
    ? 1
    : -1;
  let best = -Infinity; // of sign times the value: larger is better
  let factor = 1;
  let withoutGain = 0;
  let cooling = 0;
  for (const { value } of evaluations) {
    const own = sign * value;
    const bar = o.threshold_mode === "rel"
      ? best * (1 + sign * o.threshold)
      : best + o.threshold;
    if (own > (best === -Infinity ? best : bar)) {
      best = own;
      withoutGain = 0;
    } else withoutGain++;
    if (cooling > 0) {
      cooling--;
      withoutGain = 0;
    }
    if (withoutGain > o.patience) {
      factor = Math.max(o.min_factor, factor * o.factor);
      cooling = o.cooldown;
      withoutGain = 0;
    }
  }
  return factor;
}

/** The schedule: evaluations of the warm-up do not count. */
export function plateauSchedule(o: ReduceOnPlateauOptions): Schedule {
  const { factor } = withWarmup(
    o,
    (_, { rising, evaluations }) =>
      factorAfter(evaluations.filter(({ step }) => step >= rising), o),
  );
  return { factor, metric: o.metric };
}

/** The part `reduce-on-plateau`. */
export const reduceOnPlateau: Part<
  "schedule",
  Partial<ReduceOnPlateauOptions>,
  ReduceOnPlateauOptions
> = definePart({
  kind: "schedule",
  name: "reduce-on-plateau",
  description: "Lowered where evaluations stop getting better, after a warm-up",
  options,
  create: plateauSchedule,
});
