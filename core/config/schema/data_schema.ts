/**
 * The schema of the key `data`.
 * @module
 */
import { z } from "zod";
import { dataOptionsShape } from "./data_options.ts";
import { CODE_ONLY, optionalPartField, partField } from "./part_field.ts";
import type {
  DataConfig,
  DataInput,
  EvalEntry,
  EvalEntryInput,
  TrainEntry,
  TrainEntryInput,
  TrainingMode,
} from "../types.ts";

/** The schema of `data`; `pretrain` has other defaults. */
export function dataSchema(
  mode: TrainingMode,
): z.ZodType<DataConfig, DataInput> {
  const pretrain = mode === "pretrain";
  return z.strictObject({
    train: z.array(trainEntry(mode)).min(1).describe(
      "What is trained on: at least one entry.",
    ),
    eval: z.array(evalEntry(mode)).default([]).describe(
      "What is evaluated on.",
    ),
    template: partField("template", { auto: true }).default(
      pretrain ? "plain" : "auto",
    ).describe(
      "How turns are written. `auto`: the tokenizer's chat template for messages, else the format's own. Pretrain: `plain`.",
    ),
    masker: partField("masker", { auto: true }).default(
      pretrain ? "all" : "auto",
    ).describe(
      "Which tokens are trained. `auto`: what the model writes; in pretrain `all`.",
    ),
    collator: partField("collator").default(pretrain ? "packed" : "padded")
      .describe(
        "How examples are laid out in a batch. Pretrain: `packed`.",
      ),
    ...dataOptionsShape(pretrain),
  }).describe("What is trained and evaluated on, and how rows become tokens.");
}

function entryShape(mode: TrainingMode) {
  return {
    path: z.string().min(1).nullable().default(null).describe(
      'A file, a folder, a pattern such as `data/*.jsonl`, the Hub id of a data set (`owner/name`, or a bare name such as `squad`), or `"-"` for standard input.',
    ),
    source: partField("source", { auto: true }).default("auto").describe(
      'How the files are read. `auto`: by their names. With `use` also its options: `{use: csv, delimiter: ";"}`, `{use: text, sample_by: paragraph}`, `{use: parquet, columns: [text]}`.',
    ),
    rows: rows().nullable().default(null).describe(
      "Rows in memory; in TypeScript only.",
    ).meta({ [CODE_ONLY]: true }),
    format: partField("format").default(
      mode === "pretrain" ? "text" : "auto",
    ).describe(
      "What the columns mean. `auto`: the format that recognises the rows. Pretrain: `text`.",
    ),
    name: z.string().min(1).nullable().default(null).describe(
      "Configuration of a Hub data set.",
    ),
    split: z.string().min(1).nullable().default(null).describe(
      "Split of a Hub data set or a folder; also slices and sums: `train[:1000]`, `train[10%:20%]`, `train+test`. Null: `train`; of eval entries `validation` or `test`.",
    ),
    data_files: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .nullable().default(null).describe(
        "Files of a Hub data set or a folder, by path or pattern, instead of its splits.",
      ),
    revision: z.string().min(1).default("main").describe(
      "Branch, tag or commit of a Hub data set.",
    ),
    max_rows: z.int().min(1).nullable().default(null).describe(
      "Use only this many rows.",
    ),
    template: optionalPartField("template").default(null).describe(
      "Template of this source; null: that of `data`.",
    ),
    masker: optionalPartField("masker").default(null).describe(
      "Masker of this source; null: that of `data`.",
    ),
  };
}

/** Rows are neither looked into nor copied. */
function rows(): z.ZodType<readonly unknown[], readonly unknown[]> {
  return z.custom<readonly unknown[]>((value) => Array.isArray(value), {
    error: "expected a list of rows",
  });
}

function evalEntry(mode: TrainingMode): z.ZodType<EvalEntry, EvalEntryInput> {
  return z.strictObject(entryShape(mode)).describe(
    "One source of evaluation rows.",
  );
}

function trainEntry(
  mode: TrainingMode,
): z.ZodType<TrainEntry, TrainEntryInput> {
  return z.strictObject({
    ...entryShape(mode),
    weight: z.number().positive().nullable().default(null).describe(
      "Share of this source in the mixture; given for all sources or for none.",
    ),
    epochs: z.number().positive().nullable().default(null).describe(
      "Passes over this source in each epoch: exactly so many without weights (null: 1), else at most.",
    ),
  }).describe("One source of training rows.");
}
