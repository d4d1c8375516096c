/**
 * Collators: how examples are laid out as rectangles.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { packed } from "./packed.ts";
import { padded } from "./padded.ts";

export { packed, padded };

/** All built-in collators. */
export const collators: readonly AnyPart[] = [packed, padded];
