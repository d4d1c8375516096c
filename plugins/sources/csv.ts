/**
 * CSV and TSV: the first row names the columns, values are texts. Plain or in gzip or zstd.
 * @module
 */
import { definePart, type Part, type Source } from "@denotune/denotune/core";
import { z } from "zod";
import { fileLimits } from "./_options.ts";
import { csvScanner } from "./scan/csv.ts";
import { textSource } from "./_text_source.ts";

const options = z.strictObject({
  ...fileLimits,
  delimiter: z.string().length(1).nullable().default(null).describe(
    "Character between fields; null: a tab in .tsv files, else a comma, or the semicolon, tab or bar that a header without commas has",
  ),
});

/** Options of {@linkcode csv}. */
export type CsvOptions = z.infer<typeof options>;

/** Reads `.csv`, `.tsv` and their `.gz` and `.zst`. */
export const csv: Part<"source", z.input<typeof options>, CsvOptions> =
  definePart({
    kind: "source",
    name: "csv",
    description:
      "CSV and TSV with a header, plain or in gzip or zstd; all values are texts",
    options,
    create: ({ delimiter, ...limits }: CsvOptions): Source =>
      textSource({
        accepts: ({ path }) => /\.[ct]sv(\.(gz|zst|zstd))?$/i.test(path),
        kind: {
          scanner: (own, head) => csvScanner({ ...own, head, delimiter }),
          isJson: false,
        },
        limits,
      }),
  });
