/**
 * ROUGE of answers against the expected ones.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { answeredRows } from "./answered_rows.ts";
import { rouge as rougeOf, type RougeOptions } from "./metrics/rouge.ts";
import {
  answerFields,
  type AnswerOptions,
  atLeast,
  known,
  meanOf,
} from "./rows.ts";

/** Options of {@linkcode rouge}. */
export interface RougeEvaluatorOptions extends AnswerOptions, RougeOptions {
  readonly min_score: number | null;
}

const options: z.ZodType<
  RougeEvaluatorOptions,
  Partial<RougeEvaluatorOptions>
> = z.strictObject({
  ...answerFields({ max_rows: 200, max_new_tokens: 128, temperature: 0 }),
  tokenizer: z.enum(["default", "unicode"]).default("default").describe(
    "`default`: words of a to z and 0 to 9, as the package rouge_score; `unicode`: words of any script",
  ),
  stemmer: z.boolean().default(false).describe(
    "Whether the ends of English words are removed first (Porter)",
  ),
  min_score: z.number().min(0).max(1).nullable().default(null).describe(
    "ROUGE-L below which the verdict is failed; null: none",
  ),
});

/** The part `rouge`. */
export const rouge: Part<
  "evaluator",
  Partial<RougeEvaluatorOptions>,
  RougeEvaluatorOptions
> = definePart({
  kind: "evaluator",
  name: "rouge",
  description: "ROUGE-1, -2, -L and -Lsum of answers (F1, mean of the rows)",
  options,
  create: (o: RougeEvaluatorOptions) =>
    answeredRows(o, {
      name: "rouge",
      judge(generated, { expected }) {
        const { rouge1, rouge2, rougeL, rougeLsum } = rougeOf(
          expected,
          generated,
          o,
        );
        return {
          rouge1: rouge1.f1,
          rouge2: rouge2.f1,
          rougeL: rougeL.f1,
          rougeLsum: rougeLsum.f1,
        };
      },
      sum(all) {
        const mean = (name: "rouge1" | "rouge2" | "rougeL" | "rougeLsum") =>
          meanOf(all.map(({ judged }) => judged[name]));
        const value = mean("rougeL");
        return {
          numbers: known({
            rougeL: value,
            rougeLsum: mean("rougeLsum"),
            rouge1: mean("rouge1"),
            rouge2: mean("rouge2"),
          }),
          verdict: atLeast(value, { threshold: o.min_score, what: "ROUGE-L" }),
        };
      },
    }),
});
