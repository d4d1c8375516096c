/**
 * Custom: instruction and response under whatever names a data set gives them.
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
  textAt,
  textsAt,
} from "./_columns.ts";

const options = z.strictObject({
  instruction_field: columnOption("instruction", "the instruction"),
  response_field: columnOption("response", "the answer"),
  system_field: optionalColumn("system", "the system prompt"),
  input_field: optionalColumn("input", "the instruction's input"),
  lenient: lenientOption,
});

/** Options of {@linkcode custom}. */
export type CustomOptions = z.output<typeof options>;

/** Instruction and response with columns of any name. */
export const custom: Part<"format", z.input<typeof options>, CustomOptions> =
  definePart({
    kind: "format",
    name: "custom",
    description:
      "Instruction and response under names that you give, with system and input where there are any",
    options,
    create: (options: CustomOptions): Format => ({
      template: { use: "plain", separator: "\n\n### Response:\n" },
      recognises: (row) =>
        hasText(row, options.instruction_field) &&
          hasText(row, options.response_field)
          ? 0.5
          : 0,
      parse: (record) => {
        const instruction = textAt(record, {
          name: options.instruction_field,
          option: "instruction_field",
        });
        const response = textsAt(record, {
          name: options.response_field,
          option: "response_field",
          lenient: options.lenient,
        });
        const input = optionalText(record, options.input_field);
        const system = optionalText(record, options.system_field);
        return {
          ...infoOf(record),
          messages: [
            ...(system === undefined
              ? []
              : [{ role: "system", content: system } as const]),
            {
              role: "user",
              content: instruction,
              ...(input === undefined ? {} : { input }),
            },
            { role: "assistant", content: response },
          ],
        };
      },
    }),
  });
