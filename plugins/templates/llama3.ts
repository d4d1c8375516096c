/**
 * `llama3`: role headers and `<|eot_id|>`, as Llama 3 writes them.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { roleTags } from "./_tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./_turns.ts";

/** The part `llama3`. */
export const llama3: Part<
  "template",
  Record<string, never>,
  Record<string, never>
> = definePart({
  kind: "template",
  name: "llama3",
  description:
    "<|start_header_id|>role<|end_header_id|> ... <|eot_id|>, as Llama 3 writes it",
  options: z.strictObject({}),
  create: () => (context) =>
    turnsTemplate({
      ...USUAL_STYLE,
      name: "llama3",
      turns: roleTags((role) => ({
        open: `<|start_header_id|>${role}<|end_header_id|>\n\n`,
        close: "<|eot_id|>",
        after: "",
      }), { tool: "ipython" }),
      trim: true,
      stops: ["<|eot_id|>"],
    }, context),
});
