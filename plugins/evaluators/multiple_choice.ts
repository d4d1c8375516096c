/**
 * Multiple choice by log-probability: the choice that the model finds most likely behind the question. Nothing is
 * generated. Accuracies are those of lm-eval's `acc` and `acc_norm`.
 * @module
 */
import {
  ConfigError,
  definePart,
  type Evaluator,
  type Host,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";
import { readRowsFile, textOf } from "./prompts_file.ts";
import { atLeast, known, meanOf } from "./rows.ts";

/** Options of {@linkcode multipleChoice}. */
export interface MultipleChoiceOptions {
  readonly file: string | null;
  readonly separator: string;
  readonly format: "raw" | "template";
  readonly max_rows: number | null;
  readonly min_accuracy: number | null;
}

const options: z.ZodType<
  MultipleChoiceOptions,
  Partial<MultipleChoiceOptions>
> = z.strictObject({
  file: z.string().min(1).nullable().default(null).describe(
    'JSON Lines of {"question", "choices": [...], "answer": index, letter or text, "category"}',
  ),
  separator: z.string().default(" ").describe(
    "Text between the question and a choice, under `raw`",
  ),
  format: z.enum(["raw", "template"]).default("raw").describe(
    "`raw`: the question as it is; `template`: as the run's template writes a prompt",
  ),
  max_rows: z.int().min(1).nullable().default(null).describe(
    "Questions that are asked, from the first on; null: all",
  ),
  min_accuracy: z.number().min(0).max(1).nullable().default(null).describe(
    "Accuracy below which the verdict is failed; null: none",
  ),
});

/** A question. */
interface ChoiceRow {
  readonly question: string;
  readonly choices: readonly string[];
  readonly answer: number;
}

/** The part `multiple-choice`. */
export const multipleChoice: Part<
  "evaluator",
  Partial<MultipleChoiceOptions>,
  MultipleChoiceOptions
> = definePart({
  kind: "evaluator",
  name: "multiple-choice",
  description:
    "Accuracy on multiple-choice questions by log-probability, as it is and by length of the choice",
  options,
  create(o: MultipleChoiceOptions, host: Host): Evaluator {
    if (o.file === null) {
      throw new ConfigError(
        'multiple-choice has no questions: set file to JSON Lines of {"question", "choices", "answer"}',
      );
    }
    const path = host.resolvePath(o.file);
    const rows = readRowsFile(path).slice(0, o.max_rows ?? undefined)
      .map((row, i) => choiceRow(row, `${path}, row ${i + 1}`));
    return {
      asks: (_, wording) => ({
        texts: rows.flatMap(({ question, choices }) =>
          choices.map((choice) =>
            o.format === "raw"
              ? { text: o.separator + choice, after: { text: question } }
              : { text: choice, after: wording.request(question) }
          )
        ),
      }),
      score({ scores }) {
        let next = 0;
        const records = rows.map(({ question, choices, answer }) => {
          const sums = choices.map(() =>
            scores[next++].logProbabilities.reduce((a, b) => a + b, 0)
          );
          const chosen = largest(sums);
          const byLength = largest(
            sums.map((sum, c) => sum / Math.max(1, [...choices[c]].length)),
          );
          return {
            question,
            answer: choices[answer],
            chosen: choices[chosen],
            right: chosen === answer,
            right_by_length: byLength === answer,
            log_probability: sums[answer],
          };
        });
        const accuracy = meanOf(records.map((r) => r.right ? 1 : 0));
        return {
          numbers: known({
            "": accuracy,
            by_length: meanOf(records.map((r) => r.right_by_length ? 1 : 0)),
          }),
          records,
          verdict: atLeast(accuracy, {
            threshold: o.min_accuracy,
            what: "the accuracy",
          }),
        };
      },
    };
  },
});

function choiceRow(
  row: Readonly<Record<string, unknown>>,
  where: string,
): ChoiceRow {
  const question = textOf(row, ["question", "query", "prompt"], where);
  const { choices, answer } = row;
  const isTexts = (of: unknown): of is string[] =>
    Array.isArray(of) && of.length > 1 &&
    of.every((c) => typeof c === "string" && c !== "");
  if (!isTexts(choices)) {
    throw new ConfigError(
      `${where} has no \`choices\`: expected a list of at least two texts`,
    );
  }
  const letter = typeof answer === "string" && /^[A-Z]$/.test(answer)
    ? answer.charCodeAt(0) - 65
    : -1;
  const index = typeof answer === "number"
    ? answer
    : choices.findIndex((choice) => choice === answer);
  const found = index >= 0 ? index : letter;
  if (!Number.isInteger(found) || found < 0 || found >= choices.length) {
    throw new ConfigError(
      `${where}: \`answer\` is ${
        JSON.stringify(answer) ?? "missing"
      }; expected an index from 0 to ${
        choices.length - 1
      }, a letter, or one of the choices`,
    );
  }
  return { question, choices, answer: found };
}

/** Index of the largest; the first of several. */
function largest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
