/**
 * chrF (Popović, 2015) and chrF++ (with words) as `sacrebleu` computes them: n-grams of up to six characters, white
 * space left out, recall weighing twice as much as precision.
 * @module
 */
import { words } from "../rows.ts";
import { countNgrams, overlapOf, totalOf } from "./ngrams.ts";

/** How chrF is computed. */
export interface ChrfOptions {
  /** Longest n-gram of characters. */
  readonly char_order: number;
  /** Longest n-gram of words; 2 is chrF++. */
  readonly word_order: number;
  /** Weight of recall against precision. */
  readonly beta: number;
  readonly lowercase: boolean;
}

/** For each order: n-grams of the prediction, of the target, and in both. */
export type ChrfCounts = readonly (readonly [number, number, number])[];

/** The counts of a pair. */
export function chrfCounts(
  target: string,
  prediction: string,
  { char_order, word_order, lowercase }: ChrfOptions,
): ChrfCounts {
  const texts = [target, prediction].map((text) =>
    lowercase ? text.toLowerCase() : text
  );
  const ngrams = texts.map((text) => [
    ...ordersOf([...words(text).join("")], char_order, ""),
    ...ordersOf(apart(words(text)), word_order, " "),
  ]);
  const [ofTarget, ofPrediction] = ngrams;
  return ofTarget.map((t, i) => [
    // without an n-gram to meet, none of the prediction counts
    t.size === 0 ? 0 : totalOf(ofPrediction[i]),
    totalOf(t),
    overlapOf(ofPrediction[i], t),
  ]);
}

/** Counts of several pairs as those of one text. */
export function sumChrf(counts: readonly ChrfCounts[]): ChrfCounts {
  const [first = []] = counts;
  return first.map((_, i) => {
    const sum = (k: 0 | 1 | 2) =>
      counts.reduce((total, of) => total + of[i][k], 0);
    return [sum(0), sum(1), sum(2)];
  });
}

/** chrF in [0, 100]: of the mean precision and recall of the orders that both texts have. */
export function chrf(counts: ChrfCounts, { beta }: ChrfOptions): number {
  const both = counts.filter(([p, t]) => p > 0 && t > 0);
  if (both.length === 0) return 0;
  const mean = (of: (c: readonly [number, number, number]) => number) =>
    both.reduce((sum, c) => sum + of(c), 0) / both.length;
  const precision = mean(([p, , match]) => match / p);
  const recall = mean(([, t, match]) => match / t);
  if (precision + recall === 0) return 0;
  const factor = beta ** 2;
  return 100 * (1 + factor) * precision * recall /
    (factor * precision + recall);
}

function ordersOf(
  units: readonly string[],
  most: number,
  separator: string,
): Map<string, number>[] {
  return Array.from(
    { length: most },
    (_, i) => countNgrams(units, i + 1, separator),
  );
}

const PUNCTUATION = new Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");

/** One sign of punctuation apart from each word: the last, else the first. */
function apart(list: readonly string[]): string[] {
  return list.flatMap((word) => {
    const signs = [...word];
    if (signs.length === 1) return [word];
    const last = signs[signs.length - 1];
    if (PUNCTUATION.has(last)) return [signs.slice(0, -1).join(""), last];
    return PUNCTUATION.has(signs[0])
      ? [signs[0], signs.slice(1).join("")]
      : [word];
  });
}
