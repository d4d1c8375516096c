/**
 * Plain text, for pre-training.
 * @module
 */
import { definePart, type Format, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { columnOption, hasText, infoOf, isObject, textAt } from "./_columns.ts";

const options = z.strictObject({
  text_field: columnOption("text", "the text"),
  sample_by: z.enum(["line", "paragraph", "document"]).nullable().default(null)
    .describe(
      "What a row of a text file is: a line that is not blank, a paragraph (blank lines between them), or the file; null: what the source says, else a line",
    ),
});

/** Options of {@linkcode text}. */
export type TextOptions = z.output<typeof options>;

/** Documents: a column of text, or rows that are text themselves. */
export const text: Part<"format", z.input<typeof options>, TextOptions> =
  definePart({
    kind: "format",
    name: "text",
    description: "Plain text: a column of text, or rows that are text",
    options,
    create: (options: TextOptions): Format => ({
      template: "plain",
      sources: options.sample_by === null
        ? []
        : [{ use: "text", sample_by: options.sample_by }],
      recognises: (row) => {
        if (typeof row === "string") return 1;
        if (!isObject(row) || !hasText(row, options.text_field)) return 0;
        return Object.keys(row).length === 1 ? 1 : 0.2; // beside other columns it may be anything
      },
      parse: (record) => {
        if (typeof record.value === "string") return { text: record.value };
        return {
          ...infoOf(record),
          text: textAt(record, {
            name: options.text_field,
            option: "text_field",
          }),
        };
      },
    }),
  });
