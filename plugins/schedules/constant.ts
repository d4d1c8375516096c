/**
 * The same learning rate at every step, after a warm-up.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { type WarmupOptions, warmupOptions, withWarmup } from "./_warmup.ts";

export type { WarmupOptions } from "./_warmup.ts";

/** The part `constant`. */
export const constant: Part<"schedule", Partial<WarmupOptions>, WarmupOptions> =
  {
    kind: "schedule",
    name: "constant",
    description: "The same learning rate at every step, after a warm-up",
    options: warmupOptions,
    create: (options: WarmupOptions) => withWarmup(options, () => 1),
  };
