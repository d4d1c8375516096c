/**
 * The share of rows that the model answers exactly as expected, decoding greedily.
 * @module
 */
import {
  ConfigError,
  definePart,
  type EvaluationRow,
  type Evaluator,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";

/** Options of {@linkcode exactMatch}. */
export interface ExactMatchOptions {
  /** Most tokens that an answer may have. */
  readonly max_new_tokens: number;
  /** Rows that are asked, from the first on; null: all. */
  readonly max_rows: number | null;
}

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
> = definePart({
  kind: "evaluator",
  name: "exact-match",
  description:
    "Share of rows answered exactly as expected (greedy; white space around does not count), in all and by category",
  options,
  create: (o: ExactMatchOptions): Evaluator => {
    const chosen = (rows: readonly EvaluationRow[]) =>
      rows.slice(0, o.max_rows ?? rows.length);
    return {
      asks(rows) {
        const asked = chosen(rows);
        if (asked.length === 0) {
          throw new ConfigError(
            "exact-match has no rows to ask: set data.eval, data.eval_fraction or data.eval_holdout, or remove it from `evaluators`",
          );
        }
        return {
          questions: asked.map(({ request }) => ({
            prompt: request,
            sampling: { maxNewTokens: o.max_new_tokens },
          })),
        };
      },
      rewards: (answers) =>
        answers.map(({ expected, answer }) =>
          isExact(answer.text, expected) ? 1 : 0
        ),
      score: ({ rows, answers }) => ({
        numbers: sharesOf(chosen(rows), answers.map(([{ text }]) => text)),
      }),
    };
  },
});

function sharesOf(
  rows: readonly EvaluationRow[],
  answers: readonly string[],
): Record<string, number> {
  const counts = new Map<string, { right: number; all: number }>();
  rows.forEach((row, i) => {
    const right = isExact(answers[i], row.expected);
    const { category } = row.example;
    const names = category === undefined ? [""] : ["", nameOf(category)];
    for (const name of names) {
      const count = counts.get(name) ?? { right: 0, all: 0 };
      count.all++;
      if (right) count.right++;
      counts.set(name, count);
    }
  });
  return Object.fromEntries(
    [...counts].map(([name, { right, all }]) => [name, right / all]),
  );
}

function isExact(answer: string, expected: string): boolean {
  return answer.trim() === expected.trim();
}

/** A category as part of a metric's name: `Closed QA` is `closed_qa`. */
function nameOf(category: string): string {
  const name = category.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "_")
    .replaceAll(/^_+|_+$/g, "");
  return name === "" ? "unnamed" : name;
}
