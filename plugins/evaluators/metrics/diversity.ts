/**
 * How different texts are from each other.
 * @module
 */
import { meanOf, words } from "../rows.ts";
import { countNgrams, overlapOf, totalOf } from "./ngrams.ts";

/** Distinct-n (Li et al., 2016): different n-grams of words over all of them; null where there are none. */
export function distinctShare(
  texts: readonly string[],
  n: number,
): number | null {
  const counts = texts.map((text) => countNgrams(words(text), n));
  const total = counts.reduce((sum, of) => sum + totalOf(of), 0);
  if (total === 0) return null;
  return new Set(counts.flatMap((of) => [...of.keys()])).size / total;
}

/** Most pairs that are compared. */
const PAIRS = 2000;

/**
 * How alike answers to different prompts are, in [0, 1]: the share of triples of characters that two have in common
 * (Dice), mean of all pairs. Answers to one prompt may well be alike. Null with a single prompt.
 */
export function selfSimilarity(
  answers: readonly (readonly string[])[],
): number | null {
  const grams = answers.map((texts) =>
    texts.map((text) => countNgrams([...` ${text} `], 3, ""))
  );
  const found: number[] = [];
  for (const [i, these] of grams.entries()) {
    for (const others of grams.slice(i + 1)) {
      for (const a of these) for (const b of others) found.push(dice(a, b));
      if (found.length >= PAIRS) return meanOf(found);
    }
  }
  return meanOf(found);
}

function dice(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
): number {
  const total = totalOf(a) + totalOf(b);
  // two empty answers are the same answer
  return total === 0 ? 1 : 2 * overlapOf(a, b) / total;
}

/** Characters of an opening. */
const OPENING = 20;

/** Share of the texts that begin with the commonest opening; null without any. */
export function openingShare(texts: readonly string[]): number | null {
  if (texts.length === 0) return null;
  const counts = new Map<string, number>();
  for (const text of texts) {
    const opening = [...text.toLowerCase()].slice(0, OPENING).join("");
    counts.set(opening, (counts.get(opening) ?? 0) + 1);
  }
  return Math.max(...counts.values()) / texts.length;
}
