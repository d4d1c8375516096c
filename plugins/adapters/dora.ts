/**
 * DoRA as a part: LoRA with `use_dora`.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { startingFrom } from "./_from.ts";
import { type DoraOptions, doraOptions } from "./_options.ts";

export type { DoraOptions } from "./_options.ts";

/** The part `dora`: magnitude and direction trained apart (arXiv:2402.09353), in PEFT's format. */
export const dora: Part<"adapter", Partial<DoraOptions>, DoraOptions> =
  definePart({
    kind: "adapter",
    name: "dora",
    description:
      "LoRA that trains the magnitude of each output apart from its direction",
    options: doraOptions,
    create: (options: DoraOptions, host) =>
      startingFrom({ ...options, use_dora: true }, host),
  });
