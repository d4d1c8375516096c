/**
 * Which rows are kept for evaluation: a hash of the seed and of what the row says, so that exact
 * duplicates fall on one side, in any file or format.
 * @module
 */
import type { ParsedExample } from "../contracts/format.ts";
import { hash32, mix32 } from "../random.ts";

/** How a row writes what it says: rows that say the same fall on one side. */
const AS_WRITTEN = new Set(["content_is", "arguments_text"]);

/** What an example says as text, `id` and `category` left out: the same for duplicates. */
export function contentText(example: ParsedExample): string {
  const { id: _id, category: _category, ...content } = example;
  return JSON.stringify(
    content,
    (key, value) => AS_WRITTEN.has(key) ? undefined : value,
  );
}

/** A number in [0, 1) of the content. */
function contentFraction(example: ParsedExample, seed: number): number {
  const text = contentText(example);
  let low = hash32(seed, text.length, 1);
  let high = hash32(seed, text.length, 2);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  return hash32(mix32(low), mix32(high)) / 4294967296;
}

/** Which rows are held out of training. */
export interface HeldOut {
  /** The seed of the run: which share is held out depends on it. */
  readonly seed: number;
  /** A share of the rows, by content. */
  readonly eval_fraction: number;
  /** Whole categories. */
  readonly eval_holdout: { readonly category: readonly string[] } | null;
}

/** Whether rows are held out of training at all. */
export function holdsOut(
  { eval_fraction, eval_holdout }: Omit<HeldOut, "seed">,
): boolean {
  return eval_fraction > 0 || eval_holdout !== null;
}

/** Whether a row belongs to a side: what is trained on, what is held out, or all rows. */
export function isOnSide(
  example: ParsedExample,
  side: "train" | "eval" | "all",
  of: HeldOut,
): boolean {
  if (side === "all" || !holdsOut(of)) return true;
  const { category } = example;
  const isHeld =
    category !== undefined && of.eval_holdout?.category.includes(category) ||
    contentFraction(example, of.seed) < of.eval_fraction;
  return isHeld === (side === "eval");
}
