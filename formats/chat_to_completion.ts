/**
 * A chat as a prompt and its completion: what comes before the first assistant turn, and that turn.
 * @module
 */
import { definePart, type Format, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  behindSystem,
  columnOption,
  infoOf,
  lenientOption,
  optionalColumn,
  refuse,
  required,
  valueAt,
} from "./_columns.ts";
import { rolesOption } from "./_roles.ts";
import { looksLikeTurns, turnsOf } from "./_turns.ts";

const options = z.strictObject({
  messages_field: columnOption("messages", "the turns"),
  role_field: z.string().min(1).default("role").describe(
    "Key of who speaks, within a turn",
  ),
  content_field: z.string().min(1).default("content").describe(
    "Key of what is said, within a turn",
  ),
  separator: z.string().default("\n\n").describe(
    "Text between the turns of the prompt",
  ),
  system_prefix: z.string().default("System: ").describe(
    "Text before what the system says",
  ),
  user_prefix: z.string().default("User: ").describe(
    "Text before what the user says",
  ),
  assistant_prefix: z.string().default("Assistant:").describe(
    "Last line of the prompt",
  ),
  system_field: optionalColumn(
    "system",
    "a system prompt beside the turns",
  ),
  include_system: z.boolean().default(true).describe(
    "Whether system turns are written",
  ),
  roles: rolesOption,
  lenient: lenientOption,
});

/** Options of {@linkcode chatToCompletion}. */
export type ChatToCompletionOptions = z.output<typeof options>;

/** Chats for base models that know no chat template. */
export const chatToCompletion: Part<
  "format",
  z.input<typeof options>,
  ChatToCompletionOptions
> = definePart({
  kind: "format",
  name: "chat_to_completion",
  description:
    "Chats as prompt and completion: System:/User: lines, and the first assistant turn",
  options,
  create: (options: ChatToCompletionOptions): Format => {
    const shape = {
      roleKey: options.role_field,
      contentKey: options.content_field,
      roles: options.roles,
      lenient: options.lenient,
      column: options.messages_field,
    };
    return {
      // nothing separates a prompt from its completion, at inference either
      template: {
        use: "plain",
        separator: "",
        system_separator: options.separator,
      },
      // lower than `messages`, which reads the same rows and keeps every turn
      recognises: (row) =>
        looksLikeTurns(valueAt(row, options.messages_field), shape) ? 0.3 : 0,
      parse: (record) => {
        const list = required(record, {
          name: options.messages_field,
          option: "messages_field",
        });
        const turns = behindSystem(
          record,
          options.system_field,
          turnsOf(record, list, shape),
        );
        const first = turns.findIndex((turn) => turn.role === "assistant");
        if (first === -1 && !options.lenient) {
          return refuse(
            record,
            `"${options.messages_field}" has no assistant turn, so there is nothing to learn`,
          );
        }
        const before = first === -1 ? turns : turns.slice(0, first);
        const spoken = before.findIndex((turn) => turn.role !== "system");
        const front = options.include_system
          ? before.slice(0, spoken === -1 ? before.length : spoken)
          : [];
        const lines: string[] = [];
        for (const turn of before.slice(front.length)) {
          if (turn.role === "tool") {
            refuse(
              record,
              "a tool turn precedes the first assistant turn",
            );
          }
          if (turn.role === "user") {
            lines.push(options.user_prefix + turn.content);
          } else if (options.include_system) {
            lines.push(options.system_prefix + turn.content);
          }
        }
        const { content, tool_calls = undefined } = turns[first] ??
          { content: "" };
        if (tool_calls !== undefined) {
          refuse(
            record,
            "the first assistant turn calls tools, which this format does not write; use messages",
          );
        }
        return {
          ...infoOf(record),
          ...(front.length === 0 ? {} : {
            system: front.map((turn) => options.system_prefix + turn.content)
              .join(options.separator),
          }),
          prompt: [...lines, options.assistant_prefix].join(options.separator),
          completion: content,
        };
      },
    };
  },
});
