/**
 * The built-in collectives.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { single } from "./single.ts";

/** Every part of this folder. */
export const collectives: readonly AnyPart[] = [single];
