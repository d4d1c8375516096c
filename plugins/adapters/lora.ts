/**
 * LoRA as a part.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { type LoraOptions, loraOptions } from "./_options.ts";

export type { LoraInit, LoraOptions } from "./_options.ts";

/** The part `lora`: low-rank updates beside frozen layers (arXiv:2106.09685), in PEFT's format. */
export const lora: Part<"adapter", Partial<LoraOptions>, LoraOptions> = {
  kind: "adapter",
  name: "lora",
  description:
    "Low-rank updates beside frozen layers, in PEFT's format; with DoRA, rsLoRA and PiSSA as options",
  options: loraOptions,
  create: async (options, host) =>
    (await import("./_from.ts")).startingFrom(options, host),
};
