/**
 * The built-in adapters.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { dora } from "./dora.ts";
import { lora } from "./lora.ts";

/** Every part of this folder. */
export const adapters: readonly AnyPart[] = [dora, lora];
