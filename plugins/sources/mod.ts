/**
 * Sources: kinds of files that rows are read from.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { json } from "./json.ts";
import { jsonl } from "./jsonl.ts";

export { json, jsonl };
export type { FileLimits } from "./_options.ts";

/** All built-in sources. */
export const sources: readonly AnyPart[] = [jsonl, json];
