/**
 * Rows that are tokens already: `{input_ids, labels?, attention_mask?}`, as Hugging Face's tools save them.
 * @module
 */
import {
  definePart,
  type Format,
  type Part,
  type RawRecord,
  type TokenExample,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  type Column,
  columnOption,
  describe,
  infoOf,
  optionalColumn,
  refuse,
  required,
  rowOf,
  valueAt,
} from "./_columns.ts";

const options = z.strictObject({
  input_ids_field: columnOption("input_ids", "the token ids"),
  labels_field: optionalColumn(
    "labels",
    "the target of each token: its own id (not shifted), or ignore_label; without it every token is trained",
  ),
  attention_mask_field: optionalColumn(
    "attention_mask",
    "1 for tokens and 0 for padding, which is left out",
  ),
  ignore_label: z.number().int().default(-100).describe(
    "The label of tokens that are only read",
  ),
});

/** Options of {@linkcode pretokenized}. */
export type PretokenizedOptions = z.output<typeof options>;

/** Rows of token ids. */
export const pretokenized: Part<
  "format",
  z.input<typeof options>,
  PretokenizedOptions
> = definePart({
  kind: "format",
  name: "pretokenized",
  description:
    "Token ids with labels, made elsewhere with the same tokenizer; no template is used",
  options,
  create: (options: PretokenizedOptions): Format => ({
    template: "plain",
    recognises: (row) =>
      isNumbers(valueAt(row, options.input_ids_field)) ? 1 : 0,
    parse: (record) => parse(record, options),
  }),
});

function parse(record: RawRecord, options: PretokenizedOptions): TokenExample {
  const { ignore_label } = options;
  const column: Column = {
    name: options.input_ids_field,
    option: "input_ids_field",
  };
  const all = numbersOf(record, required(record, column), column.name);
  const bad = all.findIndex((id) => id < 0);
  if (bad !== -1) {
    refuse(
      record,
      `"${column.name}" has ${all[bad]} at token ${bad}; ids count from 0`,
    );
  }
  const mask = beside(record, options.attention_mask_field, all);
  const labels = beside(record, options.labels_field, all);
  const kept = [...all.keys()].filter((t) => mask === null || mask[t] !== 0);
  if (kept.length === 0) {
    refuse(record, `"${column.name}" has no tokens; remove the row`);
  }
  const ids = kept.map((t) => all[t]);
  if (labels === null) return { ...infoOf(record), ids };
  const weights = kept.map((t) => {
    if (labels[t] === ignore_label) return 0;
    if (labels[t] === all[t]) return 1;
    return refuse(
      record,
      `"${options.labels_field}" has ${
        labels[t]
      } at token ${t}, where "${column.name}" has ${
        all[t]
      }; a label is its own token's id (not shifted), or ${ignore_label} where nothing is trained`,
    );
  });
  return { ...infoOf(record), ids, weights };
}

/** A column with a number for each token; null where the row has none. */
function beside(
  record: RawRecord,
  name: string | null,
  ids: readonly number[],
): readonly number[] | null {
  const value = name === null ? undefined : valueAt(rowOf(record), name);
  if (name === null || value === undefined || value === null) return null;
  const numbers = numbersOf(record, value, name);
  if (numbers.length === ids.length) return numbers;
  return refuse(
    record,
    `the column "${name}" has ${numbers.length} numbers for ${ids.length} tokens`,
  );
}

function numbersOf(
  record: RawRecord,
  value: unknown,
  name: string,
): readonly number[] {
  if (isNumbers(value)) return value;
  return refuse(
    record,
    `the column "${name}" must be a list of whole numbers, found ${
      describe(value)
    }`,
  );
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(Number.isInteger);
}
