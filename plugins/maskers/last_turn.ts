/**
 * Trains the last turn that the model writes; earlier ones are context.
 * @module
 */
import { definePart, type Masker, type Part } from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({});

/** Weight 1 for the last generated turn, with its end marker. */
export const lastTurn: Part<
  "masker",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "masker",
  name: "last-turn",
  description:
    "Trains only the last turn that the model writes, with its end marker",
  options,
  create: (): Masker => ({
    weights: ({ spans }) => {
      const last = spans.findLast((span) => span.generated)?.message;
      return Float32Array.from(
        spans,
        (span) => span.generated && span.message === last ? 1 : 0,
      );
    },
  }),
});
