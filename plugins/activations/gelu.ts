import { defineActivation, type NoOptions } from "./_define.ts";
import type { Part } from "@denotune/denotune/core";

/** x times the share of the normal distribution below x (arXiv:1606.08415), exactly. */
export const gelu: Part<"activation", NoOptions, NoOptions> = defineActivation(
  "gelu",
  "x * (1 + erf(x / sqrt(2))) / 2",
  (x) => x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1)),
  ["gelu_python"],
);
