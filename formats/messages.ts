/**
 * OpenAI's chat rows: `{messages: [{role, content, tool_calls?, weight?}], tools?}`.
 * @module
 */
import { definePart, type Format, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { columnOption, lenientOption, optionalColumn } from "./_columns.ts";
import { conversationFormat } from "./_turns.ts";
import { rolesOption } from "./_roles.ts";

const options = z.strictObject({
  messages_field: columnOption("messages", "the turns"),
  role_field: z.string().min(1).default("role").describe(
    "Key of who speaks, within a turn",
  ),
  content_field: z.string().min(1).default("content").describe(
    "Key of what is said, within a turn",
  ),
  tools_field: optionalColumn("tools", "the tools, a list or its JSON"),
  system_field: optionalColumn(
    "system",
    "a system prompt beside the turns",
  ),
  roles: rolesOption,
  lenient: lenientOption,
});

/** Options of {@linkcode messages}. */
export type MessagesOptions = z.output<typeof options>;

/** Conversations of `role` and `content`. */
export const messages: Part<
  "format",
  z.input<typeof options>,
  MessagesOptions
> = definePart({
  kind: "format",
  name: "messages",
  description:
    "OpenAI messages: role and content (text or text parts), tool calls, weight per turn",
  options,
  create: (options: MessagesOptions): Format =>
    conversationFormat({
      option: "messages_field",
      shape: {
        roleKey: options.role_field,
        contentKey: options.content_field,
        roles: options.roles,
        lenient: options.lenient,
        column: options.messages_field,
      },
      tools: options.tools_field,
      system: options.system_field,
    }),
});
