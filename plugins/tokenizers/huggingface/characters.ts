/**
 * Sets of characters that steps of tokenizers share, as the Rust library counts them.
 * @module
 */
import { CharSet } from "@denotune/denotune/core";

/** White space, as Unicode counts it. */
export const WHITE_SPACE: CharSet = new CharSet(String.raw`\p{White_Space}`);
/** Digits, letter numbers and other numbers. */
export const NUMERIC: CharSet = new CharSet(String.raw`\p{N}`);
/** Punctuation of BERT: all of ASCII that is neither a letter, a digit, a space nor a control, and Unicode's. */
export const PUNCTUATION: CharSet = new CharSet(
  String.raw`\p{P}\u{21}-\u{2f}\u{3a}-\u{40}\u{5b}-\u{60}\u{7b}-\u{7e}`,
);
/** What words are made of. */
export const WORD: CharSet = new CharSet(
  String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`,
);

/** The position after all characters of a set from `from` on. */
export function skip(
  text: string,
  from: number,
  set: { has(code: number): boolean },
): number {
  let at = from;
  while (at < text.length) {
    const code = text.codePointAt(at) ?? 0;
    if (!set.has(code)) break;
    at += code > 0xffff ? 2 : 1;
  }
  return at;
}

/** The position before all characters of a set that end at `to`, `from` at least. White space is of one unit. */
export function skipBack(
  text: string,
  { from, to, set }: {
    readonly from: number;
    readonly to: number;
    readonly set: CharSet;
  },
): number {
  let at = to;
  while (at > from && set.has(text.charCodeAt(at - 1))) at--;
  return at;
}

/** The last character of a text, as a code point; -1 of none. */
export function lastCode(text: string): number {
  const unit = text.charCodeAt(text.length - 1);
  if (Number.isNaN(unit)) return -1;
  return unit >= 0xdc00 && unit <= 0xdfff && text.length > 1
    ? text.codePointAt(text.length - 2) ?? unit
    : unit;
}
