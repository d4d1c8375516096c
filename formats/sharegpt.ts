/**
 * ShareGPT: `{conversations: [{from, value}], tools?, system?}`.
 * @module
 */
import { definePart, type Format, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { columnOption, lenientOption, optionalColumn } from "./_columns.ts";
import { conversationFormat } from "./_turns.ts";
import { rolesOption } from "./_roles.ts";

const options = z.strictObject({
  conversations_field: columnOption("conversations", "the turns"),
  from_field: z.string().min(1).default("from").describe(
    "Key of who speaks, within a turn",
  ),
  value_field: z.string().min(1).default("value").describe(
    "Key of what is said, within a turn",
  ),
  system_field: optionalColumn(
    "system",
    "a system prompt beside the turns",
  ),
  tools_field: optionalColumn("tools", "the tools, a list or its JSON"),
  roles: rolesOption,
  lenient: lenientOption,
});

/** Options of {@linkcode sharegpt}. */
export type SharegptOptions = z.output<typeof options>;

/** Conversations of `from` and `value`. */
export const sharegpt: Part<
  "format",
  z.input<typeof options>,
  SharegptOptions
> = definePart({
  kind: "format",
  name: "sharegpt",
  description:
    "ShareGPT conversations: turns with from and value, tool turns included",
  options,
  create: (options: SharegptOptions): Format =>
    conversationFormat({
      option: "conversations_field",
      shape: {
        roleKey: options.from_field,
        contentKey: options.value_field,
        roles: options.roles,
        lenient: options.lenient,
        column: options.conversations_field,
      },
      tools: options.tools_field,
      system: options.system_field,
    }),
});
