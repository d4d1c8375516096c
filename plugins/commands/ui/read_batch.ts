/**
 * `batch.json` of a run folder, checked: it may be of another version, or anything else.
 * @module
 */
import { BATCH_FILE, readTextUpTo } from "@denotune/denotune/core";
import { join } from "node:path";

const MOST_BYTES = 8 * 2 ** 20;
const MOST_ROWS = 16;
const MOST_TOKENS = 8192;
const MOST_EXAMPLES = 1000;
const MOST_CHARACTERS = 500;

/** A row as the page shows it: lists with one entry a token; null: it is no figure. */
interface Row {
  readonly examples: readonly { source: string; where: string }[];
  readonly ids: readonly (number | null)[];
  readonly texts: readonly string[];
  readonly weights: readonly (number | null)[];
  readonly roles: readonly (string | null)[];
  readonly segments: readonly (number | null)[];
  readonly losses: readonly (number | null)[];
}

/** A batch as the page shows it. */
export interface ReadBatch {
  /** Optimizer steps done with it. */
  readonly step: number;
  readonly micro_batch: number;
  readonly micro_batches: number;
  readonly batch_rows: number;
  readonly batch_tokens: number;
  readonly rows: readonly Row[];
}

/** The batch of a run; null where there is none that can be shown. */
export function readBatch(runFolder: string): ReadBatch | null {
  try {
    const text = readTextUpTo(join(runFolder, BATCH_FILE), MOST_BYTES);
    const found: unknown = JSON.parse(text);
    if (!isObject(found) || !Array.isArray(found.rows)) return null;
    const count = (name: string) => number(found[name]) ?? 0;
    return {
      step: count("step"),
      micro_batch: count("micro_batch"),
      micro_batches: count("micro_batches"),
      batch_rows: count("batch_rows"),
      batch_tokens: count("batch_tokens"),
      rows: found.rows.slice(0, MOST_ROWS).filter(isObject).map(rowOf),
    };
  } catch {
    return null;
  }
}

function rowOf(row: JsonObject): Row {
  const list = (name: string): unknown[] => {
    const found = row[name];
    return Array.isArray(found) ? found.slice(0, MOST_TOKENS) : [];
  };
  return {
    examples: list("examples").slice(0, MOST_EXAMPLES).filter(isObject).map(
      ({ source, where }) => ({ source: text(source), where: text(where) }),
    ),
    ids: list("ids").map(number),
    texts: list("texts").map(text),
    weights: list("weights").map(number),
    roles: list("roles").map((role) => role === null ? null : text(role)),
    segments: list("segments").map(number),
    losses: list("losses").map(number),
  };
}

type JsonObject = { readonly [key: string]: unknown };

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MOST_CHARACTERS) : "";
}
