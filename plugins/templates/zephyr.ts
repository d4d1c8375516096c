/**
 * `zephyr`: role tags, and the tokenizer's EOS after each turn.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { roleTags } from "./_tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./_turns.ts";

/** The part `zephyr`. */
export const zephyr: Part<
  "template",
  Record<string, never>,
  Record<string, never>
> = definePart({
  kind: "template",
  name: "zephyr",
  description: "<|role|> ... and the tokenizer's EOS after every turn",
  options: z.strictObject({}),
  create: () => (context) => {
    const eos = context.specialTokens.eos ?? "";
    return turnsTemplate({
      ...USUAL_STYLE,
      name: "zephyr",
      turns: roleTags((role) => ({
        open: `<|${role}|>\n`,
        close: eos,
        after: "\n",
      })),
      stops: [eos],
    }, context);
  },
});
