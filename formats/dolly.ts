/**
 * Dolly: `{instruction, context?, response, category?}`.
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
        const context = optionalText(record, options.context_field);
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
              ...(context === undefined ? {} : { input: context }),
            },
            { role: "assistant", content: response },
          ],
        };
      },
    }),
  });
