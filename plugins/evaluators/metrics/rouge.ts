/**
 * ROUGE (Lin, 2004): words, pairs of words and longest common subsequences that an answer shares with the expected
 * one. Equal to the package `rouge_score`, whose rules these are: lower case, and only a to z and 0 to 9 are words.
 * @module
 */
import { countNgrams, overlapOf, totalOf } from "./ngrams.ts";
import { stem } from "./porter_stemmer.ts";

/** The kinds of ROUGE. */
export type RougeType = "rouge1" | "rouge2" | "rougeL" | "rougeLsum";

/** Precision, recall and their harmonic mean, in [0, 1]. */
export interface RougeScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** What texts are parted into. */
export interface RougeOptions {
  /** `default`: a to z and 0 to 9, as the package; `unicode`: letters and digits of any script. */
  readonly tokenizer: "default" | "unicode";
  /** Whether the ends of English words are removed first (Porter). */
  readonly stemmer: boolean;
}

/** The scores of a prediction against its target. */
export function rouge(
  target: string,
  prediction: string,
  options: RougeOptions,
): Record<RougeType, RougeScore> {
  const [t, p] = [target, prediction].map((text) => tokensOf(text, options));
  const sentences = (text: string) =>
    text.split("\n").filter((line) => line !== "")
      .map((line) => tokensOf(line, options));
  return {
    rouge1: ngramScore(t, p, 1),
    rouge2: ngramScore(t, p, 2),
    rougeL: scoreOf(lcsIndices(t, p).length, t.length, p.length),
    rougeLsum: summaryScore(sentences(target), sentences(prediction)),
  };
}

function tokensOf(
  text: string,
  { tokenizer, stemmer }: RougeOptions,
): string[] {
  const pattern = tokenizer === "default"
    ? /[a-z0-9]+/g
    : /[\p{L}\p{M}\p{N}]+/gu;
  const words = text.toLowerCase().match(pattern) ?? [];
  return stemmer
    ? words.map((word) => word.length > 3 ? stem(word) : word)
    : words;
}

function ngramScore(
  target: readonly string[],
  prediction: readonly string[],
  n: number,
): RougeScore {
  const [t, p] = [target, prediction].map((of) => countNgrams(of, n));
  return scoreOf(overlapOf(t, p), totalOf(t), totalOf(p));
}

/** Of how many of the target's and of the prediction's units are hits. */
function scoreOf(hits: number, ofTarget: number, ofPrediction: number) {
  const precision = hits / Math.max(ofPrediction, 1);
  const recall = hits / Math.max(ofTarget, 1);
  const sum = precision + recall;
  return { precision, recall, f1: sum > 0 ? 2 * precision * recall / sum : 0 };
}

/** Each line of the target against all lines of the prediction; no word counts twice. */
function summaryScore(
  target: readonly (readonly string[])[],
  prediction: readonly (readonly string[])[],
): RougeScore {
  const left = [target, prediction].map((lines) =>
    countNgrams(lines.flat(), 1)
  );
  let hits = 0;
  for (const line of target) {
    const common = new Set(
      prediction.flatMap((other) => lcsIndices(line, other)),
    );
    for (const i of [...common].sort((a, b) => a - b)) {
      if (left.some((counts) => (counts.get(line[i]) ?? 0) <= 0)) continue;
      hits++;
      for (const counts of left) {
        counts.set(line[i], (counts.get(line[i]) ?? 0) - 1);
      }
    }
  }
  const length = (lines: readonly (readonly string[])[]) => lines.flat().length;
  return scoreOf(hits, length(target), length(prediction));
}

/** Indices into `a` of a longest common subsequence with `b`: the last of them where there are several. */
function lcsIndices(a: readonly string[], b: readonly string[]): number[] {
  const columns = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * columns); // (A+1, B+1)
  const at = (i: number, j: number) => lengths[i * columns + j];
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      lengths[i * columns + j] = a[i - 1] === b[j - 1]
        ? at(i - 1, j - 1) + 1
        : Math.max(at(i - 1, j), at(i, j - 1));
    }
  }
  const found: number[] = [];
  let [i, j] = [a.length, b.length];
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      found.push(i - 1);
      i--;
      j--;
    } else if (at(i, j - 1) > at(i - 1, j)) j--;
    else i--;
  }
  return found.reverse();
}
