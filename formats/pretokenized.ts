/**
 * Rows that are tokens already, as Hugging Face's tools and TRL save them: `input_ids` with `labels`, or with
 * masks that say what is trained, and with the lengths of documents where a row holds several.
 *
 * ```text
 * input_ids        11 12 13 | 21 22     seq_lengths 3 2, or position_ids 0 1 2 0 1
 * completion_mask   0  1  1 |  0  1
 * ```
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
  infoOf,
  optionalColumn,
  refuse,
  required,
  valueAt,
} from "./_columns.ts";
import {
  besideTokens,
  isNumbers,
  lengthsOfPositions,
  maskOf,
  numbersBeside,
  numbersOf,
  refuseUnknown,
  valueOf,
} from "./_token_columns.ts";

const options = z.strictObject({
  input_ids_field: columnOption("input_ids", "the token ids"),
  labels_field: optionalColumn(
    "labels",
    "the target of each token: its own id (not shifted), or ignore_label; with it masks are not read",
  ),
  weights_field: optionalColumn(
    "weights",
    "the weight of each token as a target, from 0 up; with it labels and masks are not read",
  ),
  attention_mask_field: optionalColumn(
    "attention_mask",
    "1 for tokens and 0 for padding, which is left out",
  ),
  completion_mask_field: optionalColumn(
    "completion_mask",
    "1 for tokens of the completion, which are trained, and 0 for others",
  ),
  assistant_masks_field: optionalColumn(
    "assistant_masks",
    "1 for tokens of the assistant, which are trained, and 0 for others; with a completion mask both count",
  ),
  seq_lengths_field: optionalColumn(
    "seq_lengths",
    "the numbers of tokens of the documents packed into the row",
  ),
  position_ids_field: optionalColumn(
    "position_ids",
    "the position of each token, which is 0 where a document packed into the row begins",
  ),
  ignore_label: z.number().int().default(-100).describe(
    "The label of tokens that are only read",
  ),
  ignore_columns: z.array(z.string()).readonly().default([]).describe(
    "Columns of numbers that say nothing of training; others that look like masks are refused",
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
    "Token ids with labels or masks, made elsewhere with the same tokenizer; no template is used",
  options,
  create: (options: PretokenizedOptions): Format => ({
    template: "plain",
    recognises: (row) =>
      isNumbers(valueAt(row, options.input_ids_field)) ? 1 : 0,
    parse: (record) => parse(record, options),
  }),
});

function parse(record: RawRecord, options: PretokenizedOptions): TokenExample {
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
  refuseUnknown(record, { known: namesOf(options), tokens: all.length });
  const mask = maskOf(record, options.attention_mask_field, all.length);
  const kept = [...all.keys()].filter((t) => mask === null || mask[t]);
  if (kept.length === 0) {
    refuse(record, `"${column.name}" has no tokens; remove the row`);
  }
  const weights = weightsOf(record, options, all);
  const lengths = lengthsOf(record, options, { tokens: all.length, kept });
  return {
    ...infoOf(record),
    ids: kept.map((t) => all[t]),
    ...(weights === null ? {} : { weights: kept.map((t) => weights[t]) }),
    ...(lengths === null ? {} : { lengths }),
  };
}

/** Columns that are read, or that the run file says to leave alone: by null, or by their name. */
function namesOf(options: PretokenizedOptions): string[] {
  const named = Object.entries(options).flatMap(([option, value]) => {
    const [, column] = /^(.*)_field$/.exec(option) ?? [];
    if (column === undefined) return [];
    return [typeof value === "string" ? value : column];
  });
  return [...named, ...options.ignore_columns];
}

/** Weights where there are any; else as TRL's SFTTrainer: labels where there are any, else every mask must allow a token; null where all is trained. */
function weightsOf(
  record: RawRecord,
  options: PretokenizedOptions,
  ids: readonly number[],
): number[] | null {
  const { ignore_label } = options;
  const given = numbersBeside(record, options.weights_field, ids.length);
  if (given !== null) return given;
  const name = options.labels_field;
  const labels = besideTokens(record, name, ids.length);
  if (labels !== null) {
    return labels.map((label, t) => {
      if (label === ignore_label) return 0;
      if (label === ids[t]) return 1;
      return refuse(
        record,
        `"${name}" has ${label} at token ${t}, where "${options.input_ids_field}" has ${
          ids[t]
        }; a label is its own token's id (not shifted), or ${ignore_label} where nothing is trained`,
      );
    });
  }
  const masks = [options.completion_mask_field, options.assistant_masks_field]
    .map((mask) => maskOf(record, mask, ids.length))
    .filter((mask) => mask !== null);
  return masks.length === 0
    ? null
    : ids.map((_, t) => masks.every((mask) => mask[t]) ? 1 : 0);
}

/** Tokens of each document, padding left out; null where nothing says that there are several. */
function lengthsOf(
  record: RawRecord,
  options: PretokenizedOptions,
  { tokens, kept }: {
    readonly tokens: number;
    readonly kept: readonly number[];
  },
): number[] | null {
  const { seq_lengths_field: lengthsName, position_ids_field: name } = options;
  const given = valueOf(record, lengthsName);
  const lengths = given === null || lengthsName === null
    ? null
    : numbersOf(record, given, lengthsName);
  const positions = besideTokens(record, name, tokens);
  const byPosition = positions === null || name === null
    ? null
    : lengthsOfPositions(record, kept.map((t) => positions[t]), name);
  if (lengths === null) {
    return byPosition?.length === 1 ? null : byPosition;
  }
  const sum = lengths.reduce((total, length) => total + length, 0);
  if (sum !== kept.length || lengths.some((length) => length < 1)) {
    refuse(
      record,
      `the column "${lengthsName}" has ${lengths.length} lengths that add up to ${sum}, and the row has ${kept.length} tokens; give the number of tokens of each document`,
    );
  }
  if (
    byPosition !== null &&
    (byPosition.length !== lengths.length ||
      byPosition.some((length, d) => length !== lengths[d]))
  ) {
    refuse(
      record,
      `the columns "${lengthsName}" and "${name}" describe different documents: ${lengths.length} and ${byPosition.length}, of other lengths; ` +
        `set one of the options seq_lengths_field and position_ids_field to null`,
    );
  }
  return lengths.length === 1 ? null : [...lengths];
}
