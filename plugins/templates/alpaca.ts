/**
 * `alpaca`: `### Instruction:`, `### Input:`, `### Response:`, and the tokenizer's EOS.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { z } from "zod";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** Options of the template `alpaca`. */
export interface AlpacaOptions {
  readonly preamble: string | null;
}

/** The part `alpaca`. */
export const alpaca: Part<
  "template",
  { preamble?: string | null },
  AlpacaOptions
> = definePart({
  kind: "template",
  name: "alpaca",
  description:
    "### Instruction: / ### Input: / ### Response:, and EOS after each response",
  options: z.strictObject({
    preamble: z.string().nullable().default(null).describe(
      "Text in front of rows that have no system text; null = none",
    ),
  }),
  create: ({ preamble }, host) => {
    const context = tokenizerOf(host);
    const eos = context.specialTokens.eos ?? "";
    return turnsTemplate({
      ...USUAL_STYLE,
      name: "alpaca",
      turns: {
        system: { open: "", close: "", after: "\n\n" },
        user: { open: "### Instruction:\n", close: "", after: "\n\n" },
        assistant: { open: "### Response:\n", close: eos, after: "" },
        tool: null,
      },
      inputLead: "\n\n### Input:\n",
      tools: false,
      preamble,
      between: [{ before: "assistant", after: null, text: "\n\n" }],
      stops: [eos],
    }, context);
  },
});
