/**
 * `gemma`: `<start_of_turn>user`, `<start_of_turn>model`, `<end_of_turn>`.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { type MarkerOptions, markerOptions } from "./_add_missing.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** The part `gemma`. */
export const gemma: Part<
  "template",
  Partial<MarkerOptions>,
  MarkerOptions
> = definePart({
  kind: "template",
  name: "gemma",
  description:
    "<start_of_turn>user ... <end_of_turn>; a system text goes in front of the first user text",
  options: markerOptions,
  create: ({ add_missing }, host) => {
    const tags = (role: string) => ({
      open: `<start_of_turn>${role}\n`,
      close: "<end_of_turn>",
      after: "\n",
    });
    return turnsTemplate({
      ...USUAL_STYLE,
      name: "gemma",
      turns: {
        system: null,
        user: tags("user"),
        assistant: tags("model"),
        tool: null,
      },
      trim: true,
      tools: false,
      markers: ["<start_of_turn>", "<end_of_turn>"],
      addMissing: add_missing,
      stops: ["<end_of_turn>"],
    }, tokenizerOf(host));
  },
});
