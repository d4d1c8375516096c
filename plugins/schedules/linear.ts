/**
 * A line from 1 to `min_factor`, after a warm-up.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { type DecayOptions, decayOptions, withWarmup } from "./_warmup.ts";

export type { DecayOptions, WarmupOptions } from "./_warmup.ts";

/** The part `linear`. */
export const linear: Part<"schedule", Partial<DecayOptions>, DecayOptions> = {
  kind: "schedule",
  name: "linear",
  description: "A straight line down to min_factor, after a warm-up",
  options: decayOptions,
  create: (options: DecayOptions) => {
    const span = 1 - options.min_factor;
    return withWarmup(
      options,
      (progress) => options.min_factor + span * (1 - progress),
    );
  },
};
