/**
 * The built-in adapters.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { dora } from "./dora.ts";
import { lora } from "./lora.ts";
import { neftune } from "./neftune.ts";

/** Every part of this folder. */
export const adapters: readonly AnyPart[] = [dora, lora, neftune];
