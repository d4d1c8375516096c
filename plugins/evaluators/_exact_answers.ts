/**
 * Which answers are exactly what was expected, and the share of them.
 * @module
 */
import {
  ConfigError,
  type EvaluationRow,
  type Evaluator,
} from "@denotune/denotune/core";

/** Options of `exactMatch`. */
export interface ExactMatchOptions {
  /** Most tokens that an answer may have. */
  readonly max_new_tokens: number;
  /** Rows that are asked, from the first on; null: all. */
  readonly max_rows: number | null;
}

/** The evaluator `exact-match`. */
export function exactAnswers(o: ExactMatchOptions): Evaluator {
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
}

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
