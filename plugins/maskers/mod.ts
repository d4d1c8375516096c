/**
 * Maskers: which tokens are trained.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { all } from "./all.ts";
import { assistantOnly } from "./assistant_only.ts";
import { completionOnly } from "./completion_only.ts";
import { lastTurn } from "./last_turn.ts";

export { all, assistantOnly, completionOnly, lastTurn };

/** All built-in maskers. */
export const maskers: readonly AnyPart[] = [
  all,
  assistantOnly,
  completionOnly,
  lastTurn,
];
