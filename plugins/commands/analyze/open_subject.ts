/**
 * The sources of a run or of a plain data file, opened for a look: without its model, and without
 * preparing it, which refuses what a look should show.
 * @module
 */
import {
  type Choice,
  chosenAt,
  type Collator,
  createPart,
  library,
  type LoadedRun,
  type OpenedRows,
  type OpenRowsOptions,
  type RunInput,
} from "@denotune/denotune/core";

/** Sources that are open, and how they are reported. Dispose of them to close their files. */
export interface OpenedSubject extends OpenedRows {
  /** Name of the tokenizer's part. */
  readonly tokenizerPart: string;
  /** Its folder, where the run names one. */
  readonly tokenizerFolder: string | null;
  /** The two built-in ways to lay rows out. */
  readonly collators: { readonly padded: Collator; readonly packed: Collator };
}

/** Opens the data of a run and its tokenizer. */
export async function openSubject(
  run: LoadedRun,
  options: OpenRowsOptions = {},
): Promise<OpenedSubject> {
  const rows = await library.openRows(run, options);
  return {
    ...rows,
    tokenizerPart: chosenAt(run, "tokenizer", "tokenizer")?.part.name ?? "",
    tokenizerFolder: folderOf(run.config.tokenizer),
    collators: {
      padded: await createPart("collator", "padded", rows.creating),
      packed: await createPart("collator", "packed", rows.creating),
    },
  };
}

/** The option `path` of a choice. */
function folderOf(choice: Choice): string | null {
  return typeof choice === "object" && "path" in choice &&
      typeof choice.path === "string"
    ? choice.path
    : null;
}

/** A run without its model: data, and what else matters to them. */
export type DataOnly = Omit<RunInput, "model"> & { model?: undefined };

/** Bytes counted as one token of English, where there is no tokenizer. */
export const BYTES_PER_TOKEN = 4;

/** A run around data. Its model is never opened; bytes are counted as tokens where it names no tokenizer. */
export function dataOnlyRun({ data, ...rest }: DataOnly): RunInput {
  const inBytes = rest.tokenizer === undefined || rest.tokenizer === "byte";
  return {
    ...rest,
    model: { from_config: { model_type: "none" } },
    tokenizer: rest.tokenizer ?? "byte",
    data: inBytes ? { max_length: 1024 * BYTES_PER_TOKEN, ...data } : data,
  };
}
