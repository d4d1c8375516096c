/**
 * Half cosines from 1 to `min_factor`, one after the other (arXiv:1608.03983, restarts at equal distances), after a warm-up.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import {
  type DecayOptions,
  minFactor,
  notBoth,
  onlyOne,
  warmup,
  withWarmup,
} from "./_warmup.ts";

/** Options of {@linkcode cosineRestarts}. */
export interface CosineRestartsOptions extends DecayOptions {
  /** How many half cosines the run has. */
  readonly cycles: number;
}

const options: z.ZodType<
  CosineRestartsOptions,
  Partial<CosineRestartsOptions>
> = z.strictObject({
  ...warmup,
  min_factor: minFactor,
  cycles: z.int().positive().default(2).describe(
    "How many half cosines the run has",
  ),
}).refine(notBoth, onlyOne);

/** The part `cosine-restarts`. */
export const cosineRestarts: Part<
  "schedule",
  Partial<CosineRestartsOptions>,
  CosineRestartsOptions
> = definePart({
  kind: "schedule",
  name: "cosine-restarts",
  description:
    "Half cosines down to min_factor, each starting again at 1, after a warm-up",
  options,
  create: (o: CosineRestartsOptions) =>
    withWarmup(o, (progress) => {
      if (progress >= 1) return o.min_factor;
      const within = (o.cycles * progress) % 1;
      return o.min_factor +
        (1 - o.min_factor) * 0.5 * (1 + Math.cos(Math.PI * within));
    }),
});
