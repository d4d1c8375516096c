/**
 * `plain`: no tags. A prompt and its completion are joined directly, or by a separator; a conversation has a
 * separator before each answer. The tokenizer's EOS ends answers.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { z } from "zod";
import type { PlainOptions } from "./_plain_texts.ts";

export type { PlainOptions } from "./_plain_texts.ts";

/** The part `plain`. */
export const plain: Part<
  "template",
  Partial<PlainOptions>,
  PlainOptions
> = {
  kind: "template",
  name: "plain",
  description:
    "The texts as they are, a separator before each answer, EOS after it",
  options: z.strictObject({
    separator: z.string().default("\n").describe(
      "Text between what the user says and the answer; prompt and completion have completion_separator",
    ),
    completion_separator: z.string().default("").describe(
      "Text between a prompt and its completion, of rows that have these; it belongs to the prompt",
    ),
    turn_separator: z.string().default("\n\n").describe(
      "Text between an answer and the next turn",
    ),
    system_separator: z.string().default("\n\n").describe(
      "Text between a system prompt and what follows it",
    ),
    instruction_response_separator: z.string().nullable().default(null)
      .describe(
        "`separator` under the name that other tools have for it; null: `separator` says it",
      ),
  }),
  create: async (options, host) =>
    (await import("./_plain_texts.ts")).plainTexts(options, host),
};
