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
  behindSystem,
  columnOption,
  hasText,
  infoOf,
  lenientOption,
  optionalText,
  required,
  systemOption,
  textAt,
  textsAt,
  valueAt,
} from "./_columns.ts";
import { rolesOption } from "./_roles.ts";
import { looksLikeTurns, turnsOf } from "./_turns.ts";

const options = z.strictObject({
  prompt_field: columnOption("prompt", "the prompt"),
  completion_field: columnOption("completion", "what should follow it"),
  system_field: systemOption(),
  role_field: z.string().min(1).default("role").describe(
    "Key of who speaks, where prompts and completions are turns",
  ),
  content_field: z.string().min(1).default("content").describe(
    "Key of what is said, where prompts and completions are turns",
  ),
  roles: rolesOption,
  lenient: lenientOption,
});

/** Options of {@linkcode promptCompletion}. */
export type PromptCompletionOptions = z.output<typeof options>;

function keysOf(options: PromptCompletionOptions) {
  return { roleKey: options.role_field, contentKey: options.content_field };
}

/** A list of turns. Its JSON is text: that is what prompts are first of all. */
function isTurns(value: unknown, keys: ReturnType<typeof keysOf>): boolean {
  return Array.isArray(value) && looksLikeTurns(value, keys);
}

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
    // nothing separates a prompt from its completion, at inference either
    template: { use: "plain", separator: "" },
    recognises: (row) => {
      const isPart = (name: string) =>
        hasText(row, name) ||
        isTurns(valueAt(row, name), keysOf(options));
      return isPart(options.prompt_field) && isPart(options.completion_field)
        ? 1
        : 0;
    },
    parse: (record) => parse(record, options),
  }),
});

function parse(
  record: RawRecord,
  options: PromptCompletionOptions,
): Example {
  const { prompt_field, completion_field, system_field, roles, lenient } =
    options;
  const keys = keysOf(options);
  const prompt = { name: prompt_field, option: "prompt_field" };
  const completion = { name: completion_field, option: "completion_field" };
  if (!isTurns(required(record, prompt), keys)) {
    const system = optionalText(record, system_field);
    return {
      ...infoOf(record),
      ...(system === undefined ? {} : { system }),
      prompt: textAt(record, prompt),
      completion: textsAt(record, { ...completion, lenient }),
    };
  }
  const before = turnsOf(record, required(record, prompt), {
    ...keys,
    roles,
    lenient,
    column: prompt_field,
  });
  const isMissing = lenient &&
    (valueAt(record.value, completion_field) ?? null) === null;
  const said = isMissing
    ? [{ [keys.roleKey]: "assistant", [keys.contentKey]: "" }]
    : required(record, completion);
  const after = turnsOf(record, said, {
    ...keys,
    roles,
    lenient,
    column: completion_field,
  });
  // what the assistant said within the prompt is context
  const context = before.map((turn) =>
    turn.role === "assistant" ? { ...turn, weight: 0 } : turn
  );
  return {
    ...infoOf(record),
    messages: behindSystem(record, system_field, [...context, ...after]),
  };
}
