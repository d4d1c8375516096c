/**
 * The one rule for the names that `init` writes.
 * @module
 */
import { basename } from "node:path";

/** Endings of data files, packed or not. */
const ENDINGS =
  /(\.(jsonl?|jsonlines|ndjson|csv|tsv|te?xt|parquet))?(\.(gz|zst|zstd))?$/i;

/**
 * The name of a run on some data, of its file and of its folder below `outputs`: that of the data file without its
 * endings, or of the folder. What a shell would have to quote becomes `_`.
 */
export function runNameOf(data: string): string {
  const name = basename(data).replace(ENDINGS, "")
    .replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^[._-]+|[._-]+$/g, "");
  return name === "" ? "run" : name;
}
