/**
 * JSON Lines: one row a line, plain or in gzip or zstd. Blank lines are skipped and still counted.
 * @module
 */
import { definePart, type Part, type Source } from "@denotune/denotune/core";
import { z } from "zod";
import { type FileLimits, fileLimits } from "./_options.ts";
import { lineScanner } from "./scan/lines.ts";
import { textSource } from "./_text_source.ts";

const options = z.strictObject(fileLimits);

/** Reads `.jsonl`, `.ndjson` and their `.gz` and `.zst`. */
export const jsonl: Part<"source", Partial<FileLimits>, FileLimits> =
  definePart({
    kind: "source",
    name: "jsonl",
    description: "JSON Lines: one row a line, plain or in gzip or zstd",
    options,
    create: (limits: FileLimits): Source =>
      textSource({
        accepts: ({ path }) =>
          /\.(jsonl|ndjson|jsonlines)(\.(gz|zst|zstd))?$/i.test(path),
        kind: { scanner: lineScanner, isJson: true },
        limits,
      }),
  });
