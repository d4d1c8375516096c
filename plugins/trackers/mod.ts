/**
 * The built-in trackers.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { console } from "./console.ts";
import { jsonl } from "./jsonl.ts";

/** Every part of this folder. */
export const trackers: readonly AnyPart[] = [console, jsonl];
