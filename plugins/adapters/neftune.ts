/**
 * NEFTune (arXiv:2310.05914): the part and its options. The noise is in `embedding_noise.ts`.
 * @module
 */
import type { Choice, Part } from "@denotune/denotune/core";
import { z } from "zod";

/** Options of {@linkcode neftune}. */
export interface NeftuneOptions {
  /** Size of the noise: alpha / sqrt(tokens * width). */
  readonly alpha: number;
  /** The adapter that it goes with; null: none. */
  readonly of: Choice | null;
}

const options: z.ZodType<NeftuneOptions, Partial<NeftuneOptions>> = z
  .strictObject({
    alpha: z.number().min(0).default(5).describe(
      "Size of the noise: 5, 10 and 15 are usual",
    ),
    of: z.union([z.string(), z.looseObject({ use: z.string() })]).nullable()
      .default(null).describe(
        "The adapter that is trained, with its options; null: all weights are",
      ),
  });

/** The part `neftune`. */
export const neftune: Part<
  "adapter",
  Partial<NeftuneOptions>,
  NeftuneOptions
> = {
  kind: "adapter",
  name: "neftune",
  description:
    "Noise on the embedded tokens in training, with another adapter or with all weights trained",
  options,
  async create(o, host) {
    const { withNoise } = await import("./embedding_noise.ts");
    const of = o.of === null ? null : await host.create("adapter", o.of);
    return withNoise(of, o.alpha);
  },
};
