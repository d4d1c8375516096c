/**
 * A masker of one's own: the first words of an answer count most, the rest less and less.
 *
 * @module
 */
import {
  definePart,
  definePlugin,
  type Part,
  type Plugin,
  type Tokenized,
} from "@denotune/denotune/core";
import { z } from "zod";

/** The user's options. */
export interface DecayedOptions {
  /** Factor from one token of an answer to the next. */
  readonly decay: number;
  /** Weights do not fall below this. */
  readonly floor: number;
}

/** The part: it sees text, spans and tokens, and returns the weight of each token. */
export const decayed: Part<"masker", Partial<DecayedOptions>, DecayedOptions> =
  definePart({
    kind: "masker",
    name: "decayed",
    description: "Trains answers, the first tokens most",
    options: z.strictObject({
      decay: z.number().gt(0).max(1).default(0.95).describe(
        "Factor from one token of an answer to the next",
      ),
      floor: z.number().min(0).max(1).default(0.1).describe(
        "Weights do not fall below this",
      ),
    }),
    create: ({ decay, floor }: DecayedOptions) => ({
      weights: ({ spans }: Tokenized) =>
        Float32Array.from(spans, (span) => span.generated ? 1 : 0),
      tokenWeights: (_: Tokenized, weights: Float32Array) => {
        let factor = 1;
        return weights.map((weight) => {
          if (weight === 0) {
            factor = 1; // the next answer starts anew
            return 0;
          }
          const now = weight * Math.max(floor, factor);
          factor *= decay;
          return now;
        });
      },
    }),
  });

const plugin: Plugin = definePlugin({
  name: "decayed-masker",
  api: 1,
  version: "1.0.0",
  parts: [decayed],
});
export default plugin;
