/**
 * `mistral`: `[INST]...[/INST]`, the answer, EOS; no spaces, as its newer tokenizers write it.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { type MarkerOptions, markerOptions } from "./_add_missing.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** The part `mistral`. */
export const mistral: Part<
  "template",
  Partial<MarkerOptions>,
  MarkerOptions
> = definePart({
  kind: "template",
  name: "mistral",
  description:
    "[INST]...[/INST]answer and EOS; a system text goes in front of the first user text",
  options: markerOptions,
  create: ({ add_missing }, host) => {
    const context = tokenizerOf(host);
    const eos = context.specialTokens.eos ?? "";
    return turnsTemplate({
      ...USUAL_STYLE,
      name: "mistral",
      turns: {
        system: null,
        user: { open: "[INST]", close: "", after: "[/INST]" },
        assistant: { open: "", close: eos, after: "" },
        tool: null,
      },
      tools: false,
      markers: ["[INST]", "[/INST]"],
      addMissing: add_missing,
      stops: [eos],
    }, context);
  },
});
