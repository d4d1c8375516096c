/**
 * The patterns of GPT-2, Llama 3 and Qwen 2, which most tokenizer files cut by, as loops: one look at each
 * character, and several times as fast as the engine for any expression (`core/regexp`), whose matches are the same.
 *
 * ```text
 * GPT-2    contraction | ␣?letters | ␣?numbers | ␣?marks | space
 * Llama 3  contraction in any case | (mark or ␣)?letters | 1 to 3 numbers | ␣?marks and line breaks | lines | space
 * space    a run of spaces; what is behind it keeps the last of them
 * ```
 * @module
 */
import { CharSet } from "@denotune/denotune/core";
import { skip, WHITE_SPACE } from "./characters.ts";
import { type Finder, StretchBuilder } from "./split.ts";

const LETTERS = new CharSet(String.raw`\p{L}`);
const NUMBERS = new CharSet(String.raw`\p{N}`);
const SPACE = 0x20;
const APOSTROPHE = 0x27;

/** What a character is; a mark is what is nothing else, and 0 what was not met yet. */
const [LETTER, NUMBER, LINE_BREAK, OTHER_SPACE, MARK] = [1, 2, 3, 4, 5];

/** What the characters of the basic plane are, looked up when they are first met. */
const kinds = new Uint8Array(0x10000);

function kindOf(code: number): number {
  if (code <= 0xffff && kinds[code] !== 0) return kinds[code];
  const kind = LETTERS.has(code)
    ? LETTER
    : NUMBERS.has(code)
    ? NUMBER
    : code === 0x0a || code === 0x0d
    ? LINE_BREAK
    : WHITE_SPACE.has(code)
    ? OTHER_SPACE
    : MARK;
  // half of a pair says nothing of the pair
  if (code <= 0xffff && !(code >= 0xd800 && code <= 0xdfff)) kinds[code] = kind;
  return kind;
}

/** What the character at a position is; 0 at the end. */
function kindAt(text: string, at: number): number {
  const code = text.codePointAt(at);
  return code === undefined ? 0 : kindOf(code);
}

/** The position behind at most `most` characters of a kind. */
function behind(
  text: string,
  { from, kind, most = Infinity }: {
    readonly from: number;
    readonly kind: number;
    readonly most?: number;
  },
): number {
  let at = from;
  for (let n = 0; n < most && at < text.length; n++) {
    const unit = text.charCodeAt(at);
    if (kinds[unit] === kind) {
      at++;
      continue;
    }
    const code = text.codePointAt(at) ?? unit;
    if (kindOf(code) !== kind) break;
    at += code > 0xffff ? 2 : 1;
  }
  return at;
}

/** How the patterns differ. */
interface Rules {
  /** `'S` is a contraction, as `'s` is. */
  readonly ignoresCase: boolean;
  /** A space in front belongs to letters, numbers and marks alike; otherwise to marks, and any mark to letters. */
  readonly leadsAll: boolean;
  /** Numbers of a piece. */
  readonly numbers: number;
  /** Line breaks belong to the marks or the spaces before them. */
  readonly lines: boolean;
}

const CONTRACTIONS = ["s", "t", "re", "ve", "m", "ll", "d"] as const;

/** The end of a contraction behind the apostrophe at a position, or the position. */
function contraction(text: string, at: number, ignoresCase: boolean): number {
  const given = text.slice(at + 1, at + 3);
  // the long s is a lower-case s, too
  const read = ignoresCase
    ? given.toLowerCase().replaceAll("\u017f", "s")
    : given;
  const found = CONTRACTIONS.find((end) => read.startsWith(end));
  return found === undefined ? at : at + 1 + found.length;
}

/** The end of the piece that starts at a position. */
function pieceAt(text: string, at: number, rules: Rules): number {
  const code = text.codePointAt(at) ?? 0;
  if (code === APOSTROPHE) {
    const end = contraction(text, at, rules.ignoresCase);
    if (end > at) return end;
  }
  const kind = kindOf(code);
  if (kind === LETTER) return behind(text, { from: at, kind });
  if (kind === NUMBER) {
    return behind(text, { from: at, kind, most: rules.numbers });
  }
  if (kind === LINE_BREAK) return spaces(text, at, rules);
  const from = at + (code > 0xffff ? 2 : 1);
  const next = kindAt(text, from);
  const leads = code === SPACE || !rules.leadsAll;
  if (leads && (next === LETTER || (next === NUMBER && rules.leadsAll))) {
    return behind(text, { from, kind: next });
  }
  if (kind === MARK || (code === SPACE && next === MARK)) {
    const end = behind(text, { from, kind: MARK });
    return rules.lines ? behind(text, { from: end, kind: LINE_BREAK }) : end;
  }
  return spaces(text, at, rules);
}

/** The end of a piece of spaces: the last line break, or all but the space that belongs to what is behind. */
function spaces(text: string, at: number, { lines }: Rules): number {
  const end = skip(text, at, WHITE_SPACE);
  for (let last = end; lines && last > at; last--) {
    if (kindAt(text, last - 1) === LINE_BREAK) return last;
  }
  return end < text.length && end - at > 1 ? end - 1 : end;
}

function finderOf(rules: Rules): Finder {
  return (text) => {
    const builder = new StretchBuilder();
    for (let at = 0; at < text.length;) {
      const end = pieceAt(text, at, rules);
      builder.match(at, end);
      at = end;
    }
    return builder.finish(text.length);
  };
}

const LATER = { ignoresCase: true, leadsAll: false, lines: true } as const;

/** GPT-2's pieces, by which byte-level tokenizers cut where their file names no pattern. */
export const GPT2: Finder = finderOf({
  ignoresCase: false,
  leadsAll: true,
  numbers: Infinity,
  lines: false,
});

/** The loops by the expressions, as files have them. */
export const KNOWN_PATTERNS: ReadonlyMap<string, Finder> = new Map([
  [
    String
      .raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
    GPT2,
  ],
  [
    String
      .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    finderOf({ ...LATER, numbers: 3 }),
  ],
  [
    String
      .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    finderOf({ ...LATER, numbers: 1 }),
  ],
]);
