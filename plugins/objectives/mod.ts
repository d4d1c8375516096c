/**
 * Objectives: what is learned from a batch.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { causalLm } from "./causal_lm.ts";
import { maskedDiffusion } from "./masked_diffusion.ts";

export { causalLm, maskedDiffusion };

/** All built-in objectives. */
export const objectives: readonly AnyPart[] = [causalLm, maskedDiffusion];
