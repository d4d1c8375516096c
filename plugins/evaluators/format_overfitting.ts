/**
 * Whether a model depends on the format that it was trained in: the same prompts, written by the template and as they
 * are, and what of the format shows up in the second kind of answers.
 * @module
 */
import {
  definePart,
  type Evaluator,
  type Part,
  type Wording,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  answerFields,
  type AnswerOptions,
  firstRows,
  instructionOf,
  known,
  meanOf,
} from "./rows.ts";

/** Options of {@linkcode formatOverfitting}. */
export interface FormatOverfittingOptions extends AnswerOptions {
  readonly markers: readonly string[];
  readonly length_factor: number;
  readonly max_share: number | null;
}

const options: z.ZodType<
  FormatOverfittingOptions,
  Partial<FormatOverfittingOptions>
> = z.strictObject({
  ...answerFields({ max_rows: 50, max_new_tokens: 100, temperature: 1 }),
  markers: z.array(z.string().min(1)).default([
    "###",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|im_start|>",
    "<|im_end|>",
    "[INST]",
  ]).describe(
    "Texts that betray a format, besides those of the run's template",
  ),
  length_factor: z.number().min(1).default(2).describe(
    "A formatted answer longer than this times the other indicates overfitting",
  ),
  max_share: z.number().min(0).max(1).nullable().default(null).describe(
    "Share of prompts with an indicator above which the verdict is failed; null: none",
  ),
});

/** The part `format-overfitting`. */
export const formatOverfitting: Part<
  "evaluator",
  Partial<FormatOverfittingOptions>,
  FormatOverfittingOptions
> = definePart({
  kind: "evaluator",
  name: "format-overfitting",
  description:
    "Answers with and without the training format: their lengths, and markers of the format that leak",
  options,
  create(o: FormatOverfittingOptions): Evaluator {
    const sampling = {
      maxNewTokens: o.max_new_tokens,
      temperature: o.temperature,
    };
    let markers: readonly string[] = o.markers;
    return {
      asks(rows, wording) {
        markers = [...new Set([...o.markers, ...markersOf(wording)])];
        return {
          questions: firstRows(rows, { name: "format-overfitting", ...o })
            .flatMap((row) => [
              { prompt: row.request, sampling },
              { prompt: { text: instructionOf(row) || " " }, sampling },
            ]),
        };
      },
      score({ rows, answers }) {
        const asked = firstRows(rows, { name: "format-overfitting", ...o });
        const records = asked.map((row, i) => {
          const formatted = answers[2 * i][0].text;
          const plain = answers[2 * i + 1][0].text;
          return {
            prompt: instructionOf(row),
            ...indicators(formatted, plain, {
              markers,
              factor: o.length_factor,
            }),
            formatted,
            unformatted: plain,
          };
        });
        const share = meanOf(records.map((r) => r.indicated ? 1 : 0));
        return {
          numbers: known({
            "": share,
            leaked: meanOf(records.map((r) => r.format_leaked ? 1 : 0)),
            length_ratio: meanOf(
              records.map((r) =>
                r.formatted_response_length /
                Math.max(1, r.unformatted_response_length)
              ),
            ),
          }),
          records,
          verdict: o.max_share === null || share === null ? null : {
            passed: share <= o.max_share,
            reason: `${
              Number((100 * share).toPrecision(3))
            }% of the prompts indicate overfitting to the format, asked for at most ${
              100 * o.max_share
            }%`,
          },
        };
      },
    };
  },
});

/** What the two answers to a prompt indicate. Lengths are in characters. */
export function indicators(
  formatted: string,
  plain: string,
  { markers, factor }: {
    readonly markers: readonly string[];
    readonly factor: number;
  },
) {
  const [long, short] = [[...formatted].length, [...plain].length];
  const leaked = markers.filter((marker) => plain.includes(marker));
  return {
    formatted_response_length: long,
    unformatted_response_length: short,
    format_leaked: leaked.length > 0,
    markers: leaked.join(" "),
    indicated: long > factor * short || leaked.length > 0,
  };
}

/** Lines that a template writes around a prompt, and the ends of its turns. */
function markersOf(wording: Wording): string[] {
  const mark = "\u0001";
  const around = wording.written(wording.request(mark)).split(mark)
    .flatMap((part) => part.split("\n")).map((line) => line.trim());
  // a short line, such as ":", says nothing of a format
  return [...around, ...wording.stops].filter((text) => text.length > 2);
}
