/**
 * Text: rows `{text}`, a line, a paragraph or a whole file each. Plain or in gzip or zstd.
 * @module
 */
import { definePart, type Part, type Source } from "@denotune/denotune/core";
import { z } from "zod";
import { fileLimits } from "./_options.ts";
import {
  lineScanner,
  type Scanner,
  type ScannerOptions,
} from "./scan/lines.ts";
import { paragraphScanner, textRow } from "./scan/paragraphs.ts";
import { textSource } from "./_text_source.ts";

const options = z.strictObject({
  ...fileLimits,
  sample_by: z.enum(["line", "paragraph", "document"]).default("line").describe(
    "What a row is: a line that is not blank, a paragraph (blank lines between them), or the file",
  ),
});

/** Options of {@linkcode textFile}. */
export type TextFileOptions = z.infer<typeof options>;

/** Reads `.txt`, `.text` and their `.gz` and `.zst`. */
export const textFile: Part<
  "source",
  z.input<typeof options>,
  TextFileOptions
> = definePart({
  kind: "source",
  name: "text",
  description:
    "Text files, plain or in gzip or zstd; a row has one column, text",
  options,
  create: ({ sample_by, ...limits }: TextFileOptions): Source =>
    textSource({
      accepts: ({ path }) => /\.te?xt(\.(gz|zst|zstd))?$/i.test(path),
      kind: {
        scanner: (own: ScannerOptions): Scanner =>
          sample_by === "line"
            ? { ...lineScanner(own), parse: textRow }
            : paragraphScanner(own, { whole: sample_by === "document" }),
        isJson: false,
      },
      limits,
    }),
});
