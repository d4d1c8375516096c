/**
 * Which rows are kept for evaluation: a hash of the seed and of what the row says, so that exact
 * duplicates fall on one side, in any file or format.
 * @module
 */
import type { ParsedExample } from "../contracts/format.ts";
import { hash32, mix32 } from "../random.ts";

/** A number in [0, 1) of the content, `id` and `category` left out. */
export function contentFraction(example: ParsedExample, seed: number): number {
  const { id: _id, category: _category, ...content } = example;
  const text = JSON.stringify(content);
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
