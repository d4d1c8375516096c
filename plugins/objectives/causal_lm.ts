/**
 * Causal language modelling: each token is predicted from those before it in its segment.
 * @module
 */
import {
  definePart,
  layOutTargets,
  type Objective,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({});

/** Predicts the next token; the divisor is the sum of the weights. */
export const causalLm: Part<
  "objective",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "objective",
  name: "causal-lm",
  description: "Predicts each token from those before it",
  options,
  create: (): Objective => ({
    attention: "causal",
    inputs: (batch, key) => layOutTargets(batch, key, { shift: 1 }),
  }),
});
