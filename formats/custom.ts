/**
 * Custom: instruction and response under whatever names a data set gives them.
 * @module
 */
import { definePart, type Format, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  behindSystem,
  columnOption,
  hasText,
  infoOf,
  lenientOption,
  optionalColumn,
} from "./_columns.ts";
import { instructionTurns } from "./_instruction.ts";

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
      parse: (record) => ({
        ...infoOf(record),
        messages: behindSystem(
          record,
          options.system_field,
          instructionTurns(record, {
            instruction: {
              name: options.instruction_field,
              option: "instruction_field",
            },
            input: options.input_field,
            answer: {
              name: options.response_field,
              option: "response_field",
              lenient: options.lenient,
            },
          }),
        ),
      }),
    }),
  });
