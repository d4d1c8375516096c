/**
 * BLEU of answers against the expected ones.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { answeredRows } from "./answered_rows.ts";
import {
  bleu as bleuOf,
  bleuCounts,
  type BleuOptions,
  sumCounts,
} from "./metrics/bleu.ts";
import { answerFields, type AnswerOptions, atLeast } from "./rows.ts";

/** Options of {@linkcode bleu}. */
export interface BleuEvaluatorOptions extends AnswerOptions, BleuOptions {
  readonly min_score: number | null;
}

const options: z.ZodType<BleuEvaluatorOptions, Partial<BleuEvaluatorOptions>> =
  z.strictObject({
    ...answerFields({ max_rows: 200, max_new_tokens: 128, temperature: 0 }),
    tokenize: z.enum(["13a", "zh", "char", "intl", "none"]).default("13a")
      .describe(
        "How texts become words, by the names of sacrebleu: 13a, zh (Chinese), char (Japanese, ...), intl, none",
      ),
    lowercase: z.boolean().default(false).describe("Whether case is ignored"),
    min_score: z.number().min(0).max(100).nullable().default(null).describe(
      "BLEU below which the verdict is failed; null: none",
    ),
  });

/** The part `bleu`. */
export const bleu: Part<
  "evaluator",
  Partial<BleuEvaluatorOptions>,
  BleuEvaluatorOptions
> = definePart({
  kind: "evaluator",
  name: "bleu",
  description:
    "BLEU of all answers as one text, 0 to 100 (equal to sacrebleu), and of each row",
  options,
  create: (o: BleuEvaluatorOptions) =>
    answeredRows(o, {
      name: "bleu",
      judge: (generated, { expected }) => ({
        bleu: bleuOf(bleuCounts(expected, generated, o), { sentence: true }),
      }),
      sum(all) {
        const counts = all.map(({ row, generated }) =>
          bleuCounts(row.expected, generated, o)
        );
        const value = bleuOf(sumCounts(counts), { sentence: false });
        return {
          numbers: { "": value },
          verdict: atLeast(value, { threshold: o.min_score, what: "BLEU" }),
        };
      },
    }),
});
