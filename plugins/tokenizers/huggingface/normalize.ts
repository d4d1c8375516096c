/**
 * Normalisers that remember where each character came from: the steps of the Rust library.
 * @module
 */
import { CharSet, DataError } from "@denotune/denotune/core";
import { BYTE_CHARACTERS } from "../_byte_alphabet.ts";
import {
  type Aligned,
  AlignedBuilder,
  type AlignedNormalizer,
  sliceAligned,
} from "./aligned.ts";
import { skip, skipBack, WHITE_SPACE } from "./characters.ts";
import type { Fields } from "./fields.ts";
import { patternOf } from "./pattern.ts";
import { readPrecompiled } from "./precompiled.ts";

/** Reads the section `normalizer`; null is none. Throws `DataError` for one that is not known. */
export function readNormalizer(
  section: Fields | null,
): AlignedNormalizer | null {
  if (section === null) return null;
  if (section.raw("type") !== "Sequence") return stepOf(section);
  const steps = section.sections("normalizers").map(readNormalizer)
    .filter((step) => step !== null);
  return (text) => steps.reduce((result, step) => step(result), text);
}

function stepOf(section: Fields): AlignedNormalizer {
  const type = section.text("type");
  switch (type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return unicodeForm(type);
    case "Lowercase":
      return LOWERCASE;
    case "StripAccents":
      return perCharacter((c) => /^\p{M}$/u.test(c) ? "" : c);
    case "Strip":
      return strip(
        section.flag("strip_left", true),
        section.flag("strip_right", true),
      );
    case "Prepend":
      return prepend(section.text("prepend"));
    case "Replace":
      return replace(section);
    case "Nmt":
      return perCharacter(nmt);
    case "BertNormalizer":
      return bert(section);
    case "ByteLevel":
      return perCharacter(asBytes);
    case "Precompiled":
      return readPrecompiled(section);
    default:
      return section.refuse(
        `the normalizer ${JSON.stringify(type)} is not known`,
      );
  }
}

/** A normaliser that looks at one character at a time. Most come again: their results are kept. */
function perCharacter(
  change: (character: string) => string,
): AlignedNormalizer {
  const table = new Map<string, string>();
  const changed = (character: string): string => {
    let result = table.get(character);
    if (result === undefined) {
      result = change(character);
      if (table.size < 65536) table.set(character, result);
    }
    return result;
  };
  return (text) => {
    let builder: AlignedBuilder | null = null;
    let kept = 0;
    let at = 0;
    for (const character of text.text) {
      const result = changed(character);
      const next = at + character.length;
      if (result !== character) {
        builder ??= new AlignedBuilder(text);
        builder.keep(kept, at);
        builder.replace(at, next, result);
        kept = next;
      }
      at = next;
    }
    if (builder === null) return text;
    builder.keep(kept, at);
    return builder.finish();
  };
}

const LOWERCASE = perCharacter((c) => c.toLowerCase());

/** What may combine: a base with its marks, Hangul letters with each other; else whole words. */
const CLUSTERS = /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+|[^]\p{M}*/gu;
const WORDS = /\s+|\S+/gu;

function unicodeForm(form: "NFC" | "NFD" | "NFKC" | "NFKD"): AlignedNormalizer {
  const normalize = (text: string): string => text.normalize(form);
  return (text) => {
    refuseMarks(text.text);
    const whole = normalize(text.text);
    if (whole === text.text) return text;
    for (const pattern of [CLUSTERS, WORDS]) {
      const result = bySegment(text, normalize, pattern);
      if (result.text === whole) return result;
    }
    throw new DataError(
      `Cannot say which characters tokens came from: ${form} changes this text in a way that does not go word by word`,
    );
  };
}

const MARKS = new CharSet(String.raw`\p{M}`);
/** Marks on one character, at most: putting them in order takes the square of their number. */
const MAX_MARKS = 500;

/** Throws `DataError` for a character with so many marks that no language has it. */
function refuseMarks(text: string): void {
  let marks = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x300) marks = 0;
    else if (unit < 0xd800 || unit > 0xdfff) {
      marks = MARKS.has(unit) ? marks + 1 : 0;
    } else if (unit < 0xdc00) { // the first half of a pair
      marks = MARKS.has(text.codePointAt(at) ?? 0) ? marks + 1 : 0;
    }
    if (marks > MAX_MARKS) {
      throw new DataError(
        `Cannot normalise a text with more than ${MAX_MARKS} combining marks on one character, at ${at}; leave them out`,
      );
    }
  }
}

/** Normalises stretches one by one; right if they join to what the whole gives. */
function bySegment(
  text: Aligned,
  normalize: (text: string) => string,
  pattern: RegExp,
): Aligned {
  const builder = new AlignedBuilder(text);
  for (const match of text.text.matchAll(pattern)) {
    const end = match.index + match[0].length;
    const result = normalize(match[0]);
    if (result === match[0]) builder.keep(match.index, end);
    else builder.replace(match.index, end, result);
  }
  return builder.finish();
}

function strip(left: boolean, right: boolean): AlignedNormalizer {
  return (text) => {
    const from = left ? skip(text.text, 0, WHITE_SPACE) : 0;
    const to = right
      ? skipBack(text.text, { from, to: text.text.length, set: WHITE_SPACE })
      : text.text.length;
    return from === 0 && to === text.text.length
      ? text
      : sliceAligned(text, from, to);
  };
}

function prepend(lead: string): AlignedNormalizer {
  return (text) => {
    if (text.text === "" || lead === "") return text;
    if (text.tables === null) {
      return { ...text, text: lead + text.text, lead: text.lead + lead.length };
    }
    const builder = new AlignedBuilder(text);
    builder.replace(0, 0, lead);
    builder.keep(0, text.text.length);
    return builder.finish();
  };
}

function replace(section: Fields): AlignedNormalizer {
  const finder = patternOf(section);
  const content = section.text("content");
  return (text) => {
    const { ends, found } = finder(text.text);
    if (!found.includes(1)) return text;
    const starts = ends.map((_, i) => i === 0 ? 0 : ends[i - 1]);
    // one unit for one unit moves nothing: the usual " " -> "▁"
    if (
      content.length === 1 &&
      ends.every((end, i) => found[i] === 0 || end - starts[i] === 1)
    ) {
      let changed = "";
      for (let i = 0; i < ends.length; i++) {
        changed += found[i] === 1
          ? content
          : text.text.slice(starts[i], ends[i]);
      }
      return { ...text, text: changed };
    }
    const builder = new AlignedBuilder(text);
    for (let i = 0; i < ends.length; i++) {
      if (found[i] === 1) builder.replace(starts[i], ends[i], content);
      else builder.keep(starts[i], ends[i]);
    }
    return builder.finish();
  };
}

function nmt(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (
    (code >= 0x1 && code <= 0x8) || code === 0xb ||
    (code >= 0xe && code <= 0x1f) || code === 0x7f || code === 0x8f ||
    code === 0x9f
  ) return "";
  return /^[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]$/.test(
      character,
    )
    ? " "
    : character;
}

function asBytes(character: string): string {
  let text = "";
  for (const byte of new TextEncoder().encode(character)) {
    text += BYTE_CHARACTERS[byte];
  }
  return text;
}

/** Chinese characters as BERT counts them; the gap after U+2B81F is the library's. */
const CHINESE: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];

function bert(section: Fields): AlignedNormalizer {
  const lowercase = section.flag("lowercase", true);
  const steps: AlignedNormalizer[] = [];
  if (section.flag("clean_text", true)) steps.push(perCharacter(clean));
  if (section.flag("handle_chinese_chars", true)) {
    steps.push(perCharacter((character) => {
      const code = character.codePointAt(0) ?? 0;
      return CHINESE.some(([from, to]) => code >= from && code <= to)
        ? ` ${character} `
        : character;
    }));
  }
  const strips = section.has("strip_accents")
    ? section.flag("strip_accents", false)
    : lowercase;
  if (strips) {
    steps.push(unicodeForm("NFD"));
    steps.push(perCharacter((c) => /^\p{Mn}$/u.test(c) ? "" : c));
  }
  if (lowercase) steps.push(LOWERCASE);
  return (text) => steps.reduce((result, step) => step(result), text);
}

/** Controls, formats and private characters, but formats that are younger than the library's table. */
const CONTROL = new CharSet(
  String
    .raw`[\p{Cc}\p{Cf}\p{Co}]--[\u0890\u0891\u08e2\u{110cd}\u{13430}-\u{1343f}]`,
);

function clean(character: string): string {
  if (/^[\t\n\r]$/.test(character)) return " ";
  if (
    /^[\0\ufffd]$/.test(character) || CONTROL.has(character.codePointAt(0) ?? 0)
  ) {
    return "";
  }
  return /^\p{White_Space}$/u.test(character) ? " " : character;
}
