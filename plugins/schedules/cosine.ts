/**
 * Half a cosine from 1 to `min_factor` (arXiv:1608.03983, without restarts), after a warm-up.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { type DecayOptions, decayOptions, withWarmup } from "./_warmup.ts";

export type { DecayOptions, WarmupOptions } from "./_warmup.ts";

/** The part `cosine`. */
export const cosine: Part<"schedule", Partial<DecayOptions>, DecayOptions> = {
  kind: "schedule",
  name: "cosine",
  description: "Half a cosine down to min_factor, after a warm-up",
  options: decayOptions,
  create: (options: DecayOptions) => {
    const span = 1 - options.min_factor;
    return withWarmup(
      options,
      (progress) =>
        options.min_factor + span * 0.5 * (1 + Math.cos(Math.PI * progress)),
    );
  },
};
