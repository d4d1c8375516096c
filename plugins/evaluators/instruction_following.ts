/**
 * How answers follow instructions, by three simple rules: their length against the expected one, the share of the
 * instruction's words that they take up, and whether they repeat the format of the prompt.
 * @module
 */
import {
  definePart,
  type EvaluationRow,
  type Evaluator,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  answerFields,
  type AnswerOptions,
  atLeast,
  firstRows,
  instructionOf,
  known,
  meanOf,
  strip,
  words,
} from "./rows.ts";

/** Options of {@linkcode instructionFollowing}. */
export interface InstructionFollowingOptions extends AnswerOptions {
  /** Text that an answer in the prompt's format begins with. */
  readonly format_marker: string;
  /** Completion rate below which the verdict is failed; null: no verdict. */
  readonly min_completion_rate: number | null;
}

const options: z.ZodType<
  InstructionFollowingOptions,
  Partial<InstructionFollowingOptions>
> = z.strictObject({
  ...answerFields({ max_rows: 200, max_new_tokens: 150, temperature: 0.7 }),
  format_marker: z.string().min(1).default("### ").describe(
    "Text with which an answer repeats the prompt's format: it adheres by half",
  ),
  min_completion_rate: z.number().min(0).max(1).nullable().default(null)
    .describe("Completion rate below which the verdict is failed; null: none"),
});

/** The part `instruction-following`. */
export const instructionFollowing: Part<
  "evaluator",
  Partial<InstructionFollowingOptions>,
  InstructionFollowingOptions
> = definePart({
  kind: "evaluator",
  name: "instruction-following",
  description:
    "Length ratio, completion rate (words of the instruction in the answer) and format adherence",
  options,
  create: (o: InstructionFollowingOptions): Evaluator => {
    const chosen = (rows: readonly EvaluationRow[]) =>
      firstRows(rows, { name: "instruction-following", ...o });
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
      score({ rows, answers }) {
        const records = chosen(rows).map((row, i) => {
          const response = strip(answers[i][0].text);
          const instruction = instructionOf(row);
          return {
            instruction,
            expected: row.expected,
            generated: response,
            length_ratio: lengthRatio(response, row.expected),
            completion: completion(response, instruction),
            format: adherence(response, o.format_marker),
          };
        });
        const rate = meanOf(records.map((r) => r.completion));
        return {
          numbers: known({
            avg_length_ratio: meanOf(records.map((r) => r.length_ratio)),
            completion_rate: rate,
            format_adherence: meanOf(records.map((r) => r.format)),
          }),
          records,
          verdict: atLeast(rate, {
            threshold: o.min_completion_rate,
            what: "the completion rate",
          }),
        };
      },
    };
  },
});

/** Words of the answer against those expected. */
export function lengthRatio(response: string, expected: string): number {
  return words(response).length / Math.max(words(expected).length, 1);
}

/** Share of the instruction's words that occur in the answer, as parts of words too; 0 without any. */
export function completion(response: string, instruction: string): number {
  const wanted = words(instruction.toLowerCase());
  if (wanted.length === 0) return 0;
  const text = response.toLowerCase();
  return wanted.filter((word) => text.includes(word)).length / wanted.length;
}

/** 0: nothing is said; 0.5: the format is repeated; else 1. */
export function adherence(response: string, marker: string): number {
  if (strip(response) === "") return 0;
  return response.startsWith(marker) ? 0.5 : 1;
}
