/**
 * Questions and answers, written as a prompt and its completion.
 * @module
 */
import { definePart, type Format, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  columnOption,
  hasText,
  infoOf,
  lenientOption,
  optionalColumn,
  optionalText,
  systemOption,
  textAt,
  textsAt,
} from "./_columns.ts";
import { fill } from "./_fill.ts";

const options = z.strictObject({
  question_field: columnOption("question", "the question"),
  answer_field: columnOption("answer", "the answer"),
  context_field: optionalColumn(
    "context",
    "a text that the question is about; fills {context}",
  ),
  system_field: systemOption(),
  prompt_template: z.string().refine(
    (text) => text.includes("{question}"),
    "must contain {question}",
  ).default(
    "Question: {question}\n\nAnswer:",
  ).describe("The prompt; {question} and {context} are filled in"),
  lenient: lenientOption,
});

/** Options of {@linkcode questionAnswer}. */
export type QuestionAnswerOptions = z.output<typeof options>;

/** Rows with a question and an answer. */
export const questionAnswer: Part<
  "format",
  z.input<typeof options>,
  QuestionAnswerOptions
> = definePart({
  kind: "format",
  name: "question_answer",
  description: "A question and its answer, written with a prompt template",
  options,
  create: (options: QuestionAnswerOptions): Format => ({
    // nothing separates a prompt from its completion, at inference either
    template: { use: "plain", separator: "" },
    recognises: (row) =>
      hasText(row, options.question_field) && hasText(row, options.answer_field)
        ? 1
        : 0,
    parse: (record) => {
      const question = textAt(record, {
        name: options.question_field,
        option: "question_field",
      });
      const completion = textsAt(record, {
        name: options.answer_field,
        option: "answer_field",
        lenient: options.lenient,
      });
      const context = options.prompt_template.includes("{context}")
        ? optionalText(record, options.context_field) ?? ""
        : "";
      const system = optionalText(record, options.system_field);
      return {
        ...infoOf(record),
        ...(system === undefined ? {} : { system }),
        prompt: fill(options.prompt_template, { question, context }),
        completion,
      };
    },
  }),
});
