/**
 * Dolly: `{instruction, context?, response, category?}`.
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
  context_field: optionalColumn("context", "the instruction's context"),
  response_field: columnOption("response", "the answer"),
  system_field: optionalColumn("system", "the system prompt"),
  lenient: lenientOption,
});

/** Options of {@linkcode dolly}. */
export type DollyOptions = z.output<typeof options>;

/** Rows with an instruction, maybe a context, and a response. */
export const dolly: Part<"format", z.input<typeof options>, DollyOptions> =
  definePart({
    kind: "format",
    name: "dolly",
    description: "Dolly rows: instruction, context, response, category",
    options,
    create: (options: DollyOptions): Format => ({
      template: "alpaca",
      recognises: (row) =>
        hasText(row, options.instruction_field) &&
          hasText(row, options.response_field) &&
          options.context_field !== null && hasText(row, options.context_field)
          ? 1
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
            input: options.context_field,
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
