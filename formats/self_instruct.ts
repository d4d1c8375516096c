/**
 * Self-Instruct seed tasks: `{instruction, instances: [{input, output}]}`.
 * @module
 */
import {
  definePart,
  type Format,
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
  optionalColumn,
  refuse,
  required,
  systemOption,
  valueAt,
} from "./_columns.ts";
import { instructionTurns } from "./_instruction.ts";

const options = z.strictObject({
  instruction_field: columnOption("instruction", "the instruction"),
  instances_field: columnOption("instances", "the list of {input, output}"),
  input_field: optionalColumn("input", "the input, within an instance"),
  output_field: columnOption("output", "the answer, within an instance"),
  system_field: systemOption(),
  instance: z.number().int().nonnegative().nullable().default(null).describe(
    "Which instance to take, counted from 0; null where every row has exactly one",
  ),
});

/** Options of {@linkcode selfInstruct}. */
export type SelfInstructOptions = z.output<typeof options>;

/** Tasks with instances. */
export const selfInstruct: Part<
  "format",
  z.input<typeof options>,
  SelfInstructOptions
> = definePart({
  kind: "format",
  name: "self_instruct",
  description:
    "Self-Instruct tasks: an instruction and a list of instances with input and output",
  options,
  create: (options: SelfInstructOptions): Format => ({
    template: "alpaca",
    recognises: (row) =>
      hasText(row, options.instruction_field) &&
        hasText(row, `${options.instances_field}.0.${options.output_field}`)
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
          input: options.input_field,
          answer: { name: options.output_field, option: "output_field" },
          within: {
            value: instanceOf(record, options),
            where: record.where,
          },
        }),
      ),
    }),
  }),
});

function instanceOf(
  record: RawRecord,
  { instances_field, instance }: SelfInstructOptions,
): unknown {
  const list = required(record, {
    name: instances_field,
    option: "instances_field",
  });
  if (!Array.isArray(list)) {
    return refuse(
      record,
      `the column "${instances_field}" must be a list, found ${describe(list)}`,
    );
  }
  if (instance === null && list.length !== 1) {
    return refuse(
      record,
      `the column "${instances_field}" has ${list.length} instances; set instance to the one to take`,
    );
  }
  return valueAt(list, String(instance ?? 0)) ??
    refuse(
      record,
      `the column "${instances_field}" has ${list.length} instances, none at ${instance}`,
    );
}
