/**
 * `llama3`: role headers and `<|eot_id|>`, as Llama 3 writes them.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { type MarkerOptions, markerOptions } from "./_add_missing.ts";
import { roleTags } from "./turns/tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** The part `llama3`. */
export const llama3: Part<
  "template",
  Partial<MarkerOptions>,
  MarkerOptions
> = definePart({
  kind: "template",
  name: "llama3",
  description:
    "<|start_header_id|>role<|end_header_id|> ... <|eot_id|>, as Llama 3 writes it",
  options: markerOptions,
  create: ({ add_missing }, host) =>
    turnsTemplate({
      ...USUAL_STYLE,
      name: "llama3",
      turns: roleTags((role) => ({
        open: `<|start_header_id|>${role}<|end_header_id|>\n\n`,
        close: "<|eot_id|>",
        after: "",
      }), { tool: "ipython" }),
      trim: true,
      markers: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
      addMissing: add_missing,
      stops: ["<|eot_id|>"],
    }, tokenizerOf(host)),
});
