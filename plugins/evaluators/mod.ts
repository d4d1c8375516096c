/**
 * The built-in evaluators.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { exactMatch } from "./exact_match.ts";
import { generationTable } from "./generation_table.ts";
import { instructionFollowing } from "./instruction_following.ts";

/** Every part of this folder. */
export const evaluators: readonly AnyPart[] = [
  exactMatch,
  generationTable,
  instructionFollowing,
];
