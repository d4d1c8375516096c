/**
 * `zephyr`: role tags, and the tokenizer's EOS after each turn.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { type MarkerOptions, markerOptions } from "./_add_missing.ts";
import { ROLE_MARKERS, roleTags } from "./turns/tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** The part `zephyr`. */
export const zephyr: Part<
  "template",
  Partial<MarkerOptions>,
  MarkerOptions
> = definePart({
  kind: "template",
  name: "zephyr",
  description: "<|role|> ... and the tokenizer's EOS after every turn",
  options: markerOptions,
  create: ({ add_missing }, host) => {
    const context = tokenizerOf(host);
    const eos = context.specialTokens.eos ?? "";
    return turnsTemplate({
      ...USUAL_STYLE,
      name: "zephyr",
      turns: roleTags((role) => ({
        open: `<|${role}|>\n`,
        close: eos,
        after: "\n",
      })),
      markers: ROLE_MARKERS,
      addMissing: add_missing,
      stops: [eos],
    }, context);
  },
});
