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

/** Whether a row belongs to a side of `eval_fraction`. */
export function isOnSide(
  example: ParsedExample,
  side: "train" | "eval" | "all",
  { seed, eval_fraction }: {
    readonly seed: number;
    readonly eval_fraction: number;
  },
): boolean {
  if (side === "all" || eval_fraction === 0) return true;
  return (contentFraction(example, seed) < eval_fraction) === (side === "eval");
}
