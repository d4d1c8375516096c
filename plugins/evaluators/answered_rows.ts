/**
 * Evaluators that let the model answer rows and judge each answer by itself.
 * @module
 */
import type {
  Evaluation,
  EvaluationRow,
  Evaluator,
  Json,
} from "@denotune/denotune/core";
import { type AnswerOptions, firstRows, strip } from "./rows.ts";

/** What is made of one answer: columns of its record. */
export type Judged = Readonly<Record<string, Json>>;

/** An answer and its row. */
export interface AnsweredRow<J extends Judged> {
  readonly row: EvaluationRow;
  readonly generated: string;
  readonly judged: J;
}

/** How rows are judged. */
export interface RowJudge<J extends Judged> {
  /** Name of the evaluator. */
  readonly name: string;
  /** What is made of an answer; its fields become columns. */
  judge(
    generated: string,
    row: EvaluationRow,
    signal?: AbortSignal,
  ): J | Promise<J>;
  /** Numbers and verdict of all. */
  sum(
    all: readonly AnsweredRow<J>[],
  ): Pick<Evaluation, "numbers" | "verdict">;
}

/** The evaluator: asks each row once, and gives a table of prompt, expected, generated and what was judged. */
export function answeredRows<J extends Judged>(
  o: AnswerOptions,
  { name, judge, sum }: RowJudge<J>,
): Evaluator {
  const chosen = (rows: readonly EvaluationRow[]) =>
    firstRows(rows, { name, max_rows: o.max_rows });
  return {
    asks: (rows) => ({
      questions: chosen(rows).map(({ request }) => ({
        prompt: request,
        sampling: {
          maxNewTokens: o.max_new_tokens,
          temperature: o.temperature,
        },
      })),
    }),
    async score({ rows, answers, signal }) {
      const all: AnsweredRow<J>[] = [];
      for (const [i, row] of chosen(rows).entries()) {
        const generated = strip(answers[i][0].text);
        const judged = await judge(generated, row, signal);
        all.push({ row, generated, judged });
      }
      return {
        ...sum(all),
        records: all.map(({ row, generated, judged }) => ({
          prompt: row.prompt,
          expected: row.expected,
          generated,
          ...judged,
        })),
      };
    },
  };
}
