/**
 * Trains assistant turns, and completions where the example is prompt and completion.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { generatedSpans } from "./_generated.ts";

const options = z.strictObject({});

/** Weight 1 for all that the model writes; the same rule as `completion-only`. */
export const assistantOnly: Part<
  "masker",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "masker",
  name: "assistant-only",
  description:
    "Trains what the model writes (assistant turns, completions) with its end marker; all else is context",
  options,
  create: generatedSpans,
});
