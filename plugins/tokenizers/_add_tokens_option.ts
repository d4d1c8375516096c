/**
 * The option `add_tokens`, which tokenizers share.
 * @module
 */
import { z } from "zod";

/** Texts that become special tokens. */
export const addTokensOption: z.ZodDefault<
  z.ZodReadonly<z.ZodArray<z.ZodString>>
> = z.array(z.string().min(1)).readonly().default([]).describe(
  "Texts that become special tokens, where the vocabulary lacks them: the model gets rows for them, which start as the mean of the others",
);
