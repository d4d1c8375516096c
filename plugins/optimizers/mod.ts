/**
 * The built-in optimizers.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { adamw } from "./adamw.ts";
import { ema } from "./ema.ts";
import { lion } from "./lion.ts";
import { sgd } from "./sgd.ts";

/** Every part of this folder. */
export const optimizers: readonly AnyPart[] = [adamw, ema, lion, sgd];
