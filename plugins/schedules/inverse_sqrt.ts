/**
 * The inverse square root of the step (arXiv:1706.03762), after a warm-up: it knows no end, so a run can be prolonged.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  notBoth,
  onlyOne,
  warmup,
  type WarmupOptions,
  withWarmup,
} from "./_warmup.ts";

/** Options of {@linkcode inverseSqrt}. */
export interface InverseSqrtOptions extends WarmupOptions {
  /** Steps at which the factor would be 1; null: those of the warm-up, or 10000 without one. */
  readonly timescale: number | null;
}

const options: z.ZodType<InverseSqrtOptions, Partial<InverseSqrtOptions>> = z
  .strictObject({
    ...warmup,
    timescale: z.int().positive().nullable().default(null).describe(
      "The larger, the slower the factor falls; null: the steps of the warm-up, or 10000 without one",
    ),
  }).refine(notBoth, onlyOne);

/** The part `inverse-sqrt`. */
export const inverseSqrt: Part<
  "schedule",
  Partial<InverseSqrtOptions>,
  InverseSqrtOptions
> = definePart({
  kind: "schedule",
  name: "inverse-sqrt",
  description: "The inverse square root of the step, after a warm-up",
  options,
  create: (o: InverseSqrtOptions) =>
    withWarmup(o, (_, { step, rising }) => {
      const timescale = o.timescale ?? (rising > 0 ? rising : 10_000);
      return 1 / Math.sqrt((step - rising + timescale) / timescale);
    }),
});
