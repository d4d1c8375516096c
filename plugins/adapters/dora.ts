/**
 * DoRA as a part: LoRA with `use_dora`.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { type DoraOptions, doraOptions } from "./_options.ts";

export type { DoraOptions } from "./_options.ts";

/** The part `dora`: magnitude and direction trained apart (arXiv:2402.09353), in PEFT's format. */
export const dora: Part<"adapter", Partial<DoraOptions>, DoraOptions> = {
  kind: "adapter",
  name: "dora",
  description:
    "LoRA that trains the magnitude of each output apart from its direction",
  options: doraOptions,
  create: async (options, host) =>
    (await import("./_from.ts")).startingFrom(
      { ...options, use_dora: true },
      host,
    ),
};
