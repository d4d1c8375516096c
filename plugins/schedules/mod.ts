/**
 * The built-in schedules.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { constant } from "./constant.ts";
import { cosine } from "./cosine.ts";
import { cosineRestarts } from "./cosine_restarts.ts";
import { inverseSqrt } from "./inverse_sqrt.ts";
import { linear } from "./linear.ts";
import { polynomial } from "./polynomial.ts";
import { reduceOnPlateau } from "./reduce_on_plateau.ts";
import { wsd } from "./wsd.ts";

/** Every part of this folder. */
export const schedules: readonly AnyPart[] = [
  constant,
  cosine,
  cosineRestarts,
  inverseSqrt,
  linear,
  polynomial,
  reduceOnPlateau,
  wsd,
];
