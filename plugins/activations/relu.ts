import { defineActivation, type NoOptions } from "./_define.ts";
import { constant, type Part } from "@denotune/denotune/core";

/** max(0, x); its derivative at 0 is 0. */
export const relu: Part<"activation", NoOptions, NoOptions> = defineActivation(
  "relu",
  "x where it is positive, else 0",
  // 0 first: where both are equal the derivative is the first operand's
  (x) => constant(0).max(x),
);
