/**
 * Answers against a regular expression: whether it matches, or whether what it finds is what it finds in the expected
 * answer (the last number of a calculation).
 * @module
 */
import {
  compileRegularExpression,
  ConfigError,
  definePart,
  type Part,
  type RegularExpression,
  type RewardedAnswer,
} from "@denotune/denotune/core";
import { z } from "zod";
import { answeredRows } from "./answered_rows.ts";
import {
  answerFields,
  type AnswerOptions,
  atLeast,
  known,
  meanOf,
} from "./rows.ts";

/** Options of {@linkcode regex}. */
export interface RegexOptions extends AnswerOptions {
  readonly pattern: string | null;
  readonly match: "anywhere" | "whole" | "same-last";
  readonly min_share: number | null;
}

const options: z.ZodType<RegexOptions, Partial<RegexOptions>> = z.strictObject({
  ...answerFields({ max_rows: 200, max_new_tokens: 128, temperature: 0 }),
  pattern: z.string().min(1).nullable().default(null).describe(
    "The expression, as Python writes it",
  ),
  match: z.enum(["anywhere", "whole", "same-last"]).default("anywhere")
    .describe(
      "`anywhere` in the answer, the `whole` answer, or `same-last`: the last match is that of the expected answer",
    ),
  min_share: z.number().min(0).max(1).nullable().default(null).describe(
    "Share of matching answers below which the verdict is failed; null: none",
  ),
});

/** The part `regex`. */
export const regex: Part<"evaluator", Partial<RegexOptions>, RegexOptions> =
  definePart({
    kind: "evaluator",
    name: "regex",
    description:
      "Share of answers that match a regular expression, or in which it finds the same as in the expected one",
    options,
    create(o: RegexOptions) {
      if (o.pattern === null) {
        throw new ConfigError(
          "regex has no expression: set pattern, as in {use: regex, pattern: '-?[0-9.]+', match: same-last}",
        );
      }
      const expression = compileRegularExpression(o.pattern, {
        dialect: "python",
        where: "the evaluator regex",
      });
      const judge = (
        generated: string,
        { expected }: { readonly expected: string },
      ) => {
        const found = lastMatch(expression, generated);
        const matches = o.match === "whole"
          ? expression.matchesAll(generated)
          : o.match === "anywhere"
          ? found !== null
          : found !== null && found === lastMatch(expression, expected);
        return { found, matches };
      };
      const measuring = answeredRows(o, {
        name: "regex",
        judge,
        sum(all) {
          const share = meanOf(all.map((a) => a.judged.matches ? 1 : 0));
          return {
            numbers: known({ "": share }),
            verdict: atLeast(share, {
              threshold: o.min_share,
              what: "the share of matching answers",
            }),
          };
        },
      });
      return {
        ...measuring,
        rewards: (answers: readonly RewardedAnswer[]) =>
          answers.map(({ answer, expected }) =>
            judge(answer.text, { expected }).matches ? 1 : 0
          ),
      };
    },
  });

function lastMatch(
  expression: RegularExpression,
  text: string,
): string | null {
  const ends = expression.matches(text);
  return ends.length === 0 ? null : text.slice(ends.at(-2), ends.at(-1));
}
