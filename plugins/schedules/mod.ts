/**
 * The built-in schedules.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { constant } from "./constant.ts";
import { cosine } from "./cosine.ts";
import { linear } from "./linear.ts";

/** Every part of this folder. */
export const schedules: readonly AnyPart[] = [constant, cosine, linear];
