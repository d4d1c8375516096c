/**
 * `chatml`: `<|im_start|>role`, the text, `<|im_end|>`.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { type MarkerOptions, markerOptions } from "./_add_missing.ts";
import { roleTags } from "./turns/tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** The part `chatml`. */
export const chatml: Part<
  "template",
  Partial<MarkerOptions>,
  MarkerOptions
> = definePart({
  kind: "template",
  name: "chatml",
  description:
    "<|im_start|>role ... <|im_end|>, as Qwen and many others write it; tools included",
  options: markerOptions,
  create: ({ add_missing }, host) =>
    turnsTemplate({
      ...USUAL_STYLE,
      name: "chatml",
      turns: roleTags((role) => ({
        open: `<|im_start|>${role}\n`,
        close: "<|im_end|>",
        after: "\n",
      })),
      markers: ["<|im_start|>", "<|im_end|>"],
      addMissing: add_missing,
      stops: ["<|im_end|>"],
    }, tokenizerOf(host)),
});
