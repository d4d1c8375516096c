/**
 * `gemma`: `<start_of_turn>user`, `<start_of_turn>model`, `<end_of_turn>`.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { turnsTemplate, USUAL_STYLE } from "./_turns.ts";

/** The part `gemma`. */
export const gemma: Part<
  "template",
  Record<string, never>,
  Record<string, never>
> = definePart({
  kind: "template",
  name: "gemma",
  description:
    "<start_of_turn>user ... <end_of_turn>; a system text goes in front of the first user text",
  options: z.strictObject({}),
  create: () => (context) => {
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
      stops: ["<end_of_turn>"],
    }, context);
  },
});
