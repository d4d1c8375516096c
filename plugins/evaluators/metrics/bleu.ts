/**
 * BLEU (Papineni et al., 2002) as `sacrebleu` computes it: n-grams of up to four words, a penalty for brevity, and
 * exponential smoothing of orders without a match.
 * @module
 */
import { words } from "../rows.ts";
import { countNgrams, overlapOf, totalOf } from "./ngrams.ts";

/** How texts are parted into words; the names are those of sacrebleu. */
export type BleuTokenizer = "13a" | "zh" | "char" | "intl" | "none";

/** How BLEU is computed. */
export interface BleuOptions {
  readonly tokenize: BleuTokenizer;
  readonly lowercase: boolean;
}

/** Counts of one pair, or of many added up. */
export interface BleuCounts {
  readonly predicted: number;
  readonly expected: number;
  /** Matches of 1-, 2-, 3- and 4-grams, and how many the predictions have. */
  readonly matches: readonly number[];
  readonly totals: readonly number[];
}

const ORDERS = [1, 2, 3, 4];

/** The counts of a pair. */
export function bleuCounts(
  target: string,
  prediction: string,
  options: BleuOptions,
): BleuCounts {
  const [t, p] = [target, prediction].map((text) => tokensOf(text, options));
  const counts = ORDERS.map((n) => {
    const predicted = countNgrams(p, n);
    return {
      matches: overlapOf(predicted, countNgrams(t, n)),
      total: totalOf(predicted),
    };
  });
  return {
    predicted: p.length,
    expected: t.length,
    matches: counts.map(({ matches }) => matches),
    totals: counts.map(({ total }) => total),
  };
}

/** Counts of several pairs as those of one text. */
export function sumCounts(counts: readonly BleuCounts[]): BleuCounts {
  const sum = (of: (c: BleuCounts) => number) =>
    counts.reduce((total, c) => total + of(c), 0);
  return {
    predicted: sum((c) => c.predicted),
    expected: sum((c) => c.expected),
    matches: ORDERS.map((_, n) => sum((c) => c.matches[n])),
    totals: ORDERS.map((_, n) => sum((c) => c.totals[n])),
  };
}

/** BLEU in [0, 100]. `sentence`: only as many orders as the prediction has words. */
export function bleu(
  { predicted, expected, matches, totals }: BleuCounts,
  { sentence }: { readonly sentence: boolean },
): number {
  if (matches.every((n) => n === 0)) return 0;
  let halvings = 1;
  let logs = 0;
  let orders = 0;
  for (const [i, total] of totals.entries()) {
    if (total === 0) {
      // an order that no text is long enough for has the precision 0
      if (!sentence) return 0;
      break;
    }
    orders++;
    if (matches[i] === 0) halvings *= 2;
    logs += matches[i] === 0
      ? Math.log(100 / (halvings * total))
      : Math.log(100 * matches[i] / total);
  }
  const brevity = predicted < expected ? Math.exp(1 - expected / predicted) : 1;
  return brevity * Math.exp(logs / orders);
}

function tokensOf(
  text: string,
  { tokenize, lowercase }: BleuOptions,
): string[] {
  const cased = lowercase ? text.toLowerCase() : text;
  const line = cased.replace(/\s+$/u, "");
  switch (tokenize) {
    case "13a":
      return words(western(` ${plain13a(line)} `));
    case "zh":
      return words(western(spaced(line.replace(/^\s+/u, ""), isChinese)));
    case "char":
      return words([...line].join(" "));
    case "intl":
      return words(
        line.replace(/(\P{N})(\p{P})/gu, "$1 $2 ")
          .replace(/(\p{P})(\P{N})/gu, " $1 $2")
          .replace(/(\p{S})/gu, " $1 "),
      );
    case "none":
      return words(line);
  }
}

function plain13a(line: string): string {
  return line.replaceAll("<skipped>", "").replaceAll("-\n", "")
    .replaceAll("\n", " ")
    .replaceAll("&quot;", '"').replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<").replaceAll("&gt;", ">");
}

/** Punctuation apart from words; a period or comma stays between digits, a dash where no digit is before it. */
function western(line: string): string {
  return line.replace(/([{-~[-` -&(-+:-@/])/g, " $1 ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/g, "$1 $2 ");
}

function spaced(line: string, isAlone: (code: number) => boolean): string {
  return [...line].map((c) => isAlone(c.codePointAt(0) ?? 0) ? ` ${c} ` : c)
    .join("");
}

/** What sacrebleu takes as Chinese: ideographs, their punctuation, full-width forms, and symbols from U+2001 on. */
const CHINESE: readonly (readonly [number, number])[] = [
  [0x2001, 0x2a6d],
  [0x2e80, 0x2fdf],
  [0x2ff0, 0x303f],
  [0x3100, 0x312f],
  [0x31a0, 0x31bf],
  [0x31c0, 0x31ef],
  [0x3200, 0x33ff],
  [0x3400, 0x4db5],
  [0x4e00, 0x9fbb],
  [0xf900, 0xfa2d],
  [0xfa30, 0xfa6a],
  [0xfa70, 0xfad9],
  [0xfe10, 0xfe1f],
  [0xfe30, 0xfe4f],
  [0xff00, 0xffef],
];

function isChinese(code: number): boolean {
  return CHINESE.some(([from, to]) => code >= from && code <= to);
}
