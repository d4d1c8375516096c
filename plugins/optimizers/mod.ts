/**
 * The built-in optimizers.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { adafactor } from "./adafactor.ts";
import { adamw } from "./adamw.ts";
import { ema } from "./ema.ts";
import { lion } from "./lion.ts";
import { muon } from "./muon.ts";
import { scheduleFree } from "./schedule_free.ts";
import { sgd } from "./sgd.ts";

/** Every part of this folder. */
export const optimizers: readonly AnyPart[] = [
  adafactor,
  adamw,
  ema,
  lion,
  muon,
  scheduleFree,
  sgd,
];
