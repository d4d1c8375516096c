/**
 * A power of the steps that are left, from 1 down to `min_factor`, after a warm-up: a line where `power` is 1.
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

/** Options of {@linkcode polynomial}. */
export interface PolynomialOptions extends DecayOptions {
  /** 1: a line; above 1 it falls fast at first. */
  readonly power: number;
}

const options: z.ZodType<PolynomialOptions, Partial<PolynomialOptions>> = z
  .strictObject({
    ...warmup,
    min_factor: minFactor,
    power: z.number().positive().default(2).describe(
      "1: a line; above 1 it falls fast at first",
    ),
  }).refine(notBoth, onlyOne);

/** The part `polynomial`. */
export const polynomial: Part<
  "schedule",
  Partial<PolynomialOptions>,
  PolynomialOptions
> = definePart({
  kind: "schedule",
  name: "polynomial",
  description:
    "A power of the steps that are left, down to min_factor, after a warm-up",
  options,
  create: (o: PolynomialOptions) =>
    withWarmup(
      o,
      (progress) =>
        o.min_factor + (1 - o.min_factor) * (1 - progress) ** o.power,
    ),
});
