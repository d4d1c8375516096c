/**
 * `phi3`: role tags and `<|end|>`, as Phi-3 writes them.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { type MarkerOptions, markerOptions } from "./_add_missing.ts";
import { ROLE_MARKERS, roleTags } from "./turns/tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** The part `phi3`. */
export const phi3: Part<
  "template",
  Partial<MarkerOptions>,
  MarkerOptions
> = definePart({
  kind: "template",
  name: "phi3",
  description: "<|role|> ... <|end|> after every turn, as Phi-3 writes it",
  options: markerOptions,
  create: ({ add_missing }, host) =>
    turnsTemplate({
      ...USUAL_STYLE,
      name: "phi3",
      turns: roleTags((role) => ({
        open: `<|${role}|>\n`,
        close: "<|end|>",
        after: "\n",
      })),
      markers: [...ROLE_MARKERS, "<|end|>"],
      addMissing: add_missing,
      stops: ["<|end|>"],
    }, tokenizerOf(host)),
});
