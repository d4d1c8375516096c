/**
 * Formats: shapes of data sets' rows.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { alpaca } from "./alpaca.ts";
import { auto } from "./auto.ts";
import { chatToCompletion } from "./chat_to_completion.ts";
import { custom } from "./custom.ts";
import { dolly } from "./dolly.ts";
import { messages } from "./messages.ts";
import { pretokenized } from "./pretokenized.ts";
import { promptCompletion } from "./prompt_completion.ts";
import { questionAnswer } from "./question_answer.ts";
import { selfInstruct } from "./self_instruct.ts";
import { sharegpt } from "./sharegpt.ts";
import { text } from "./text.ts";

export {
  alpaca,
  auto,
  chatToCompletion,
  custom,
  dolly,
  messages,
  pretokenized,
  promptCompletion,
  questionAnswer,
  selfInstruct,
  sharegpt,
  text,
};

/** All built-in formats. */
export const formats: readonly AnyPart[] = [
  alpaca,
  auto,
  chatToCompletion,
  custom,
  dolly,
  messages,
  pretokenized,
  promptCompletion,
  questionAnswer,
  selfInstruct,
  sharegpt,
  text,
];
