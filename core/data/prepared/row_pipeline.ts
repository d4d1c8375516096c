/**
 * What rows are made into examples with.
 * @module
 */
import { batchedCalls } from "../../config/isolated/part_members.ts";
import type { Format } from "../../contracts/format.ts";
import type { Masker } from "../../contracts/masker.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { DataOptions, DataSource } from "../types.ts";

/** What rows of a source are made into examples with. */
export interface RowPipeline {
  /** Index of the source, and the number of all. */
  readonly source: number;
  readonly sources: number;
  readonly format: Format;
  readonly template: Template;
  readonly masker: Masker;
  readonly tokenizer: Tokenizer;
  readonly options: DataOptions;
  readonly side: NonNullable<DataSource["side"]>;
}

/** Whether rows are built many at once: a part of theirs runs in another process. */
export function isBatched(
  { format, template, masker }: Pick<
    RowPipeline,
    "format" | "template" | "masker"
  >,
): boolean {
  return [format, template, masker].some((part) => batchedCalls(part) !== null);
}
