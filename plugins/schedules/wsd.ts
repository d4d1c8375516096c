/**
 * Warm-up, stable, decay (arXiv:2404.06395): 1 for most of the run, then down to `min_factor` over its last steps.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  type DecayOptions,
  minFactor,
  notBoth,
  onlyOne,
  warmup,
  withWarmup,
} from "./_warmup.ts";

/** Options of {@linkcode wsd}. */
export interface WsdOptions extends DecayOptions {
  /** Steps at the end in which the factor falls; null: as `decay_ratio` says. */
  readonly decay_steps: number | null;
  /** The same as a share of all steps, rounded up. */
  readonly decay_ratio: number;
  /** How it falls. */
  readonly decay: "cosine" | "linear" | "1-sqrt";
}

const options: z.ZodType<WsdOptions, Partial<WsdOptions>> = z.strictObject({
  ...warmup,
  min_factor: minFactor,
  decay_steps: z.int().positive().nullable().default(null).describe(
    "Steps at the end in which the factor falls; null: as decay_ratio says",
  ),
  decay_ratio: z.number().positive().max(1).default(0.2).describe(
    "The same as a share of all steps, rounded up",
  ),
  decay: z.enum(["cosine", "linear", "1-sqrt"]).default("cosine").describe(
    "How it falls: half a cosine, a line, or 1 - sqrt (arXiv:2405.18392)",
  ),
}).refine(notBoth, onlyOne);

/** What is left after a share of the decay. */
const FALLS = {
  cosine: (progress: number) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  linear: (progress: number) => 1 - progress,
  "1-sqrt": (progress: number) => 1 - Math.sqrt(progress),
} as const;

/** The part `wsd`. */
export const wsd: Part<"schedule", Partial<WsdOptions>, WsdOptions> =
  definePart({
    kind: "schedule",
    name: "wsd",
    description:
      "Warm-up, then 1, then down to min_factor over the last steps of the run",
    options,
    create: (o: WsdOptions) =>
      withWarmup(o, (_, { step, rising, totalSteps }) => {
        const falling = Math.min(
          o.decay_steps ?? Math.ceil(o.decay_ratio * totalSteps),
          totalSteps - rising,
        );
        const gone = step - (totalSteps - falling);
        if (gone < 0) return 1;
        if (gone >= falling) return o.min_factor;
        const share = FALLS[o.decay](gone / falling);
        return o.min_factor + (1 - o.min_factor) * share;
      }),
  });
