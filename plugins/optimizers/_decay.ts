/**
 * Options that several optimizers have, and which tensors are decayed.
 * @module
 */
import { z } from "zod";

/** Schema of `weight_decay`. */
export const weightDecay: z.ZodDefault<z.ZodNumber> = z.number().min(0).default(
  0,
).describe("Decay of the weights; 0: none");

/** Schema of `decay_norm_and_bias`. */
export const decayNormAndBias: z.ZodDefault<z.ZodBoolean> = z.boolean().default(
  false,
).describe(
  "Decay norms and biases (tensors of one dimension) too, as PyTorch does by default",
);

/** Whether a tensor is decayed: those of one dimension (norms, biases) only if `all`. */
export function decayRule(
  all: boolean,
): (tensor: { name: string; shape: readonly number[] }) => boolean {
  return ({ shape }) => all || shape.length > 1;
}

/** Schema of a coefficient of a moving average: in [0, 1). */
export const beta: z.ZodNumber = z.number().min(0).lt(1);

/** Bits of a number of an optimizer's states: an option. */
export const stateBits: z.ZodDefault<
  z.ZodUnion<readonly [z.ZodLiteral<32>, z.ZodLiteral<8>]>
> = z.union([z.literal(32), z.literal(8)]).default(32).describe(
  "8: states of large tensors in 8 bits, block-wise (arXiv:2110.02861): a quarter of their memory",
);
