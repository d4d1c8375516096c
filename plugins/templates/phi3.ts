/**
 * `phi3`: role tags and `<|end|>`, as Phi-3 writes them.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { roleTags } from "./_tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./_turns.ts";

/** The part `phi3`. */
export const phi3: Part<
  "template",
  Record<string, never>,
  Record<string, never>
> = definePart({
  kind: "template",
  name: "phi3",
  description: "<|role|> ... <|end|> after every turn, as Phi-3 writes it",
  options: z.strictObject({}),
  create: () => (context) =>
    turnsTemplate({
      ...USUAL_STYLE,
      name: "phi3",
      turns: roleTags((role) => ({
        open: `<|${role}|>\n`,
        close: "<|end|>",
        after: "\n",
      })),
      stops: ["<|end|>"],
    }, context),
});
