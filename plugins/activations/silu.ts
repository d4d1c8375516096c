import { defineActivation, type NoOptions } from "./_define.ts";
import type { Part } from "@denotune/denotune/core";

/** x sigmoid(x) (arXiv:1702.03118): Llama's. */
export const silu: Part<"activation", NoOptions, NoOptions> = defineActivation(
  "silu",
  "x * sigmoid(x), also called swish",
  (x) => x.mul(x.sigmoid()),
  ["swish"],
);
