/**
 * `chatml`: `<|im_start|>role`, the text, `<|im_end|>`.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { roleTags } from "./_tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./_turns.ts";

/** The part `chatml`. */
export const chatml: Part<
  "template",
  Record<string, never>,
  Record<string, never>
> = definePart({
  kind: "template",
  name: "chatml",
  description:
    "<|im_start|>role ... <|im_end|>, as Qwen and many others write it; tools included",
  options: z.strictObject({}),
  create: () => (context) =>
    turnsTemplate({
      ...USUAL_STYLE,
      name: "chatml",
      turns: roleTags((role) => ({
        open: `<|im_start|>${role}\n`,
        close: "<|im_end|>",
        after: "\n",
      })),
      stops: ["<|im_end|>"],
    }, context),
});
