/**
 * chrF of answers against the expected ones.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { answeredRows } from "./answered_rows.ts";
import {
  chrf as chrfOf,
  chrfCounts,
  type ChrfOptions,
  sumChrf,
} from "./metrics/chrf.ts";
import { answerFields, type AnswerOptions, atLeast } from "./rows.ts";

/** Options of {@linkcode chrf}. */
export interface ChrfEvaluatorOptions extends AnswerOptions, ChrfOptions {
  readonly min_score: number | null;
}

const options: z.ZodType<ChrfEvaluatorOptions, Partial<ChrfEvaluatorOptions>> =
  z.strictObject({
    ...answerFields({ max_rows: 200, max_new_tokens: 128, temperature: 0 }),
    char_order: z.int().min(1).max(10).default(6).describe(
      "Longest n-gram of characters",
    ),
    word_order: z.int().min(0).max(4).default(0).describe(
      "Longest n-gram of words; 2 is chrF++",
    ),
    beta: z.int().min(1).default(2).describe(
      "How much more recall counts than precision",
    ),
    lowercase: z.boolean().default(false).describe("Whether case is ignored"),
    min_score: z.number().min(0).max(100).nullable().default(null).describe(
      "chrF below which the verdict is failed; null: none",
    ),
  });

/** The part `chrf`. */
export const chrf: Part<
  "evaluator",
  Partial<ChrfEvaluatorOptions>,
  ChrfEvaluatorOptions
> = definePart({
  kind: "evaluator",
  name: "chrf",
  description:
    "chrF of all answers as one text, 0 to 100 (equal to sacrebleu), and of each row",
  options,
  create: (o: ChrfEvaluatorOptions) =>
    answeredRows(o, {
      name: "chrf",
      judge: (generated, { expected }) => ({
        chrf: chrfOf(chrfCounts(expected, generated, o), o),
      }),
      sum(all) {
        const counts = all.map(({ row, generated }) =>
          chrfCounts(row.expected, generated, o)
        );
        const value = chrfOf(sumChrf(counts), o);
        return {
          numbers: { "": value },
          verdict: atLeast(value, { threshold: o.min_score, what: "chrF" }),
        };
      },
    }),
});
