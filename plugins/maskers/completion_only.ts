/**
 * Trains completions, and assistant turns where the example is a chat.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { generatedSpans } from "./_generated.ts";

const options = z.strictObject({});

/** Weight 1 for all that the model writes; the same rule as `assistant-only`. */
export const completionOnly: Part<
  "masker",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "masker",
  name: "completion-only",
  description:
    "Trains what the model writes (completions, assistant turns) with its end marker; prompts are context",
  options,
  create: generatedSpans,
});
