/**
 * Sources: kinds of files that rows are read from.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { csv } from "./csv.ts";
import { json } from "./json.ts";
import { jsonl } from "./jsonl.ts";
import { parquet } from "./parquet.ts";
import { textFile } from "./text.ts";

export { csv, json, jsonl, parquet, textFile };
export type { FileLimits } from "./_options.ts";
export type { CsvOptions } from "./csv.ts";
export type { ParquetOptions } from "./parquet.ts";
export type { TextFileOptions } from "./text.ts";

/** All built-in sources. */
export const sources: readonly AnyPart[] = [
  jsonl,
  json,
  parquet,
  csv,
  textFile,
];
