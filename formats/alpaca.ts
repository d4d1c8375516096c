/**
 * Alpaca: `{instruction, input?, output, system?, history?}`.
 * @module
 */
import {
  definePart,
  type Example,
  type Format,
  type Message,
  type Part,
  type RawRecord,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  behindSystem,
  columnOption,
  describe,
  hasText,
  infoOf,
  lenientOption,
  optionalColumn,
  refuse,
  rowOf,
  valueAt,
} from "./_columns.ts";
import { instructionTurns } from "./_instruction.ts";

const options = z.strictObject({
  instruction_field: columnOption("instruction", "the instruction"),
  input_field: optionalColumn("input", "the instruction's input"),
  output_field: columnOption(
    "output",
    "the answer: text, or a list of texts that a blank line joins",
  ),
  system_field: optionalColumn("system", "the system prompt"),
  history_field: optionalColumn(
    "history",
    "earlier turns, a list of [instruction, answer]",
  ),
  lenient: lenientOption,
});

/** Options of {@linkcode alpaca}. */
export type AlpacaOptions = z.output<typeof options>;

/** Rows with an instruction, maybe an input, and an output. */
export const alpaca: Part<"format", z.input<typeof options>, AlpacaOptions> =
  definePart({
    kind: "format",
    name: "alpaca",
    description:
      "Alpaca rows: instruction, input, output, with system and history where there are any",
    options,
    create: (options: AlpacaOptions): Format => ({
      template: "alpaca",
      recognises: (row) =>
        hasText(row, options.instruction_field) &&
          hasText(row, options.output_field)
          ? 1
          : 0,
      parse: (record) => parse(record, options),
    }),
  });

function parse(record: RawRecord, options: AlpacaOptions): Example {
  const turns = instructionTurns(record, {
    instruction: {
      name: options.instruction_field,
      option: "instruction_field",
    },
    input: options.input_field,
    answer: {
      name: options.output_field,
      option: "output_field",
      lenient: options.lenient,
    },
  });
  return {
    ...infoOf(record),
    messages: behindSystem(record, options.system_field, [
      ...historyOf(record, options.history_field),
      ...turns,
    ]),
  };
}

function historyOf(record: RawRecord, name: string | null): Message[] {
  const value = name === null ? undefined : valueAt(rowOf(record), name);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    return refuse(
      record,
      `the column "${name}" must be a list of [instruction, answer], found ${
        describe(value)
      }`,
    );
  }
  return value.flatMap((pair: unknown, i): Message[] => {
    if (
      !Array.isArray(pair) || pair.length !== 2 ||
      !pair.every((text) => typeof text === "string")
    ) {
      return refuse(
        record,
        `entry ${i + 1} of "${name}" must be [instruction, answer], found ${
          describe(pair)
        }`,
      );
    }
    const [user, assistant]: string[] = pair;
    return [{ role: "user", content: user }, {
      role: "assistant",
      content: assistant,
    }];
  });
}
