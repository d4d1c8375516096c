/**
 * A text in pieces that a tokenizer would not cut: tags, words, single characters. Templates know no
 * token ids, so two texts are compared piece by piece: `<think>` and `<tool_call>` share nothing, though
 * they share two characters.
 * @module
 */

/** What looks like a special token. */
const SPECIAL_SOURCE =
  '<\\|[^<>|\\s]+\\|>|<｜[^<>｜]+｜>|<\\|[\\w"-]+>|<[\\w"-]+\\|>|<(?:start|end)_of_[a-z]+>|<\\/s>|<s>|<[be]os>';
/** What may be one, where nothing else does. */
const TAG_SOURCE = "<\\/?[A-Za-z_][\\w:-]*>|\\[\\/?[A-Z_]+\\]";

const SPECIALS = new RegExp(SPECIAL_SOURCE, "g");
const TAGS = new RegExp(TAG_SOURCE, "g");
const LEXEMES = new RegExp(
  `${SPECIAL_SOURCE}|${TAG_SOURCE}|[\\p{L}\\p{N}_]+|[^]`,
  "gu",
);

/** The pieces of a text. */
export function lexemes(text: string): readonly string[] {
  return text.match(LEXEMES) ?? [];
}

/** A stretch of a text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The last special token of a text, or null. */
export function lastSpecial(text: string): Range | null {
  return lastMatch(text, SPECIALS);
}

/** The last tag of a text that may be a special token, or null. */
export function lastTag(text: string): Range | null {
  return lastMatch(text, TAGS);
}

function lastMatch(text: string, pattern: RegExp): Range | null {
  let found: Range | null = null;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    found = { start: index, end: index + match.length };
  }
  return found;
}

/**
 * Where in `text` the beginning of `wanted` ends, at the place where most of it is found; null where
 * nothing is. White space alone counts only where `text` begins.
 *
 * ```text
 * wanted  <|im_start|>assistant\n<think>\n
 * text  \n<|im_start|>assistant\n<tool_call>\n{"name": "
 *                                ^ here
 * ```
 */
export function endOfCommon(wanted: string, text: string): number | null {
  const prefix = lexemes(wanted);
  const pieces = lexemes(text);
  let best = 0;
  let end: number | null = null;
  let offset = 0;
  for (let at = 0; at < pieces.length; at++) {
    let length = 0;
    let seen = false;
    for (
      let k = 0;
      k < prefix.length && pieces[at + k] === prefix[k];
      k++
    ) {
      length += prefix[k].length;
      seen ||= at === 0 || prefix[k].trim() !== "";
    }
    if (seen && length > best) {
      best = length;
      end = offset + length;
    }
    offset += pieces[at].length;
  }
  return end;
}
