/**
 * ShareGPT: `{conversations: [{from, value}], tools?, system?}`.
 * @module
 */
import { definePart, type Format, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  behindSystem,
  columnOption,
  exactRecord,
  infoOf,
  lenientOption,
  optionalColumn,
  required,
  rowOf,
  valueAt,
} from "./_columns.ts";
import { rolesOption } from "./_roles.ts";
import { toolsOf } from "./_tools.ts";
import { looksLikeTurns, turnsOf } from "./_turns.ts";

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
  create: (options: SharegptOptions): Format => {
    const shape = {
      roleKey: options.from_field,
      contentKey: options.value_field,
      roles: options.roles,
      lenient: options.lenient,
      column: options.conversations_field,
    };
    return {
      template: "chatml",
      recognises: (row) =>
        looksLikeTurns(valueAt(row, options.conversations_field), shape)
          ? 1
          : 0,
      parse: (record) => {
        const exact = exactRecord(record);
        const list = required(exact, {
          name: options.conversations_field,
          option: "conversations_field",
        });
        const messages = turnsOf(record, list, shape);
        const name = options.tools_field;
        const tools = name === null
          ? undefined
          : toolsOf(record, valueAt(rowOf(exact), name), name);
        return {
          ...infoOf(record),
          messages: behindSystem(record, options.system_field, messages),
          ...(tools === undefined ? {} : { tools }),
        };
      },
    };
  },
});
