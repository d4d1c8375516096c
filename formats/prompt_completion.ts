/**
 * Prompt and completion: text, or both as lists of messages.
 * @module
 */
import {
  definePart,
  type Example,
  type Format,
  type Part,
  type RawRecord,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  columnOption,
  hasText,
  infoOf,
  required,
  textAt,
  textsAt,
  valueAt,
} from "./_columns.ts";
import { rolesOption } from "./_roles.ts";
import { looksLikeTurns, turnsOf } from "./_turns.ts";

const options = z.strictObject({
  prompt_field: columnOption("prompt", "the prompt"),
  completion_field: columnOption("completion", "what should follow it"),
  roles: rolesOption,
});

/** Options of {@linkcode promptCompletion}. */
export type PromptCompletionOptions = z.output<typeof options>;

const TURNS = { roleKey: "role", contentKey: "content" };

/** Rows with a prompt and a completion. */
export const promptCompletion: Part<
  "format",
  z.input<typeof options>,
  PromptCompletionOptions
> = definePart({
  kind: "format",
  name: "prompt_completion",
  description: "A prompt and its completion, as text or as messages",
  options,
  create: (options: PromptCompletionOptions): Format => ({
    // nothing stands between a prompt and its completion, at inference either
    template: { use: "plain", separator: "" },
    recognises: (row) => {
      const isPart = (name: string) =>
        hasText(row, name) || looksLikeTurns(valueAt(row, name), TURNS);
      return isPart(options.prompt_field) && isPart(options.completion_field)
        ? 1
        : 0;
    },
    parse: (record) => parse(record, options),
  }),
});

function parse(
  record: RawRecord,
  { prompt_field, completion_field, roles }: PromptCompletionOptions,
): Example {
  const prompt = { name: prompt_field, option: "prompt_field" };
  const completion = { name: completion_field, option: "completion_field" };
  if (!looksLikeTurns(required(record, prompt), TURNS)) {
    return {
      ...infoOf(record),
      prompt: textAt(record, prompt),
      completion: textsAt(record, completion),
    };
  }
  const before = turnsOf(record, required(record, prompt), {
    ...TURNS,
    roles,
    column: prompt_field,
  });
  const after = turnsOf(record, required(record, completion), {
    ...TURNS,
    roles,
    column: completion_field,
  });
  // what the assistant said within the prompt is context
  const context = before.map((turn) =>
    turn.role === "assistant" ? { ...turn, weight: 0 } : turn
  );
  return { ...infoOf(record), messages: [...context, ...after] };
}
