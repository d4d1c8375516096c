/**
 * Flags of commands that ask a model: how its answers are drawn.
 * @module
 */
import type { GenerateOptions } from "@denotune/denotune/core";
import { z } from "zod";

/** The flags, among a command's options. */
export const samplingFlags = {
  temperature: z.number().min(0, "must be 0 or more").default(0)
    .meta({ short: "t" }).describe("0: always the likeliest token"),
  top_k: z.int().min(1, "must be 1 or more").optional().describe(
    "draw from the n likeliest tokens",
  ),
  top_p: z.number().refine(
    (p) => p > 0 && p <= 1,
    "expected a probability above 0, at most 1",
  ).default(1).describe(
    "draw from the likeliest tokens that together have this probability",
  ),
  repetition_penalty: z.number().positive("must be above 0; 1 is off")
    .default(1).describe("above 1: tokens that were seen become less likely"),
  seed: z.int().min(0).default(0).describe(
    "the same seed gives the same answer on the same backend",
  ),
  stop: z.array(z.string()).default([]).describe(
    "a text that ends the answer; may be given several times",
  ),
} as const;

interface SamplingFlags {
  readonly temperature: number;
  readonly top_k?: number;
  readonly top_p: number;
  readonly repetition_penalty: number;
  readonly seed: number;
  readonly stop: readonly string[];
}

/** What was given, as the library takes it. */
export function samplingOf(flags: SamplingFlags): GenerateOptions {
  return {
    temperature: flags.temperature,
    topK: flags.top_k ?? null,
    topP: flags.top_p,
    repetitionPenalty: flags.repetition_penalty,
    seed: flags.seed,
    stop: flags.stop,
  };
}
