/**
 * The share of rows that the model answers exactly as expected, decoding greedily.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { z } from "zod";
import type { ExactMatchOptions } from "./_exact_answers.ts";

export type { ExactMatchOptions } from "./_exact_answers.ts";

const options: z.ZodType<ExactMatchOptions, Partial<ExactMatchOptions>> = z
  .strictObject({
    max_new_tokens: z.int().min(1).default(64).describe(
      "Most tokens that an answer may have: a longer one is cut, and then wrong",
    ),
    max_rows: z.int().min(1).nullable().default(200).describe(
      "Rows that are asked, from the first on; null: all",
    ),
  });

/** The part `exact-match`. */
export const exactMatch: Part<
  "evaluator",
  Partial<ExactMatchOptions>,
  ExactMatchOptions
> = {
  kind: "evaluator",
  name: "exact-match",
  description:
    "Share of rows answered exactly as expected (greedy; white space around does not count), in all and by category",
  options,
  create: async (o) => (await import("./_exact_answers.ts")).exactAnswers(o),
};
