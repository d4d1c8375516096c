/**
 * Normalisers that remember where each character came from. The library's own normaliser is the truth:
 * whatever is built here is compared with what it gives.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import {
  type Normalizer,
  ReplaceNormalizer,
  SequenceNormalizer,
} from "@huggingface/tokenizers";
import { type Aligned, AlignedBuilder, sliceAligned } from "./aligned.ts";
import { isObject } from "./files.ts";

/** Changes a text and keeps track of its characters. */
export type AlignedNormalizer = (text: Aligned) => Aligned;

/** The aligned form of a normaliser. `null` is none. */
export function alignNormalizer(
  normalizer: Normalizer | null,
): AlignedNormalizer | null {
  if (normalizer === null) return null;
  if (normalizer instanceof SequenceNormalizer) {
    const steps = normalizer.normalizers.map(alignNormalizer).filter((step) =>
      step !== null
    );
    return (text) => steps.reduce((result, step) => step(result), text);
  }
  const step = alignOne(normalizer);
  return (text) => {
    const whole = normalizer.normalize(text.text);
    if (whole === text.text) return text;
    const result = step(text, whole);
    if (result === null || result.text !== whole) {
      throw new DataError(
        `Cannot say which characters tokens came from: the tokenizer's ${
          typeOf(normalizer)
        } normalizer ` +
          `changes this text in a way that does not go character by character`,
      );
    }
    return result;
  };
}

function typeOf(normalizer: Normalizer): string {
  const config: unknown = normalizer.config;
  return isObject(config) ? String(config.type) : "unknown";
}

type Step = (text: Aligned, whole: string) => Aligned | null;

function alignOne(normalizer: Normalizer): Step {
  const config: unknown = normalizer.config;
  switch (typeOf(normalizer)) {
    case "Prepend":
      return prepend(isObject(config) ? String(config.prepend) : "");
    case "Replace":
      return normalizer instanceof ReplaceNormalizer &&
          normalizer.pattern instanceof RegExp
        ? replace(
          normalizer.pattern,
          isObject(config) ? String(config.content ?? "") : "",
        )
        : () => null;
    case "Strip":
      return strip;
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
    case "Precompiled":
      return unicodeForm(normalizer);
    default:
      return bySegment(normalizer, /[^]/gu);
  }
}

/** What may combine: a base with its marks, Hangul letters with each other; else whole words. */
function unicodeForm(normalizer: Normalizer): Step {
  const byCluster = bySegment(
    normalizer,
    /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+|[^]\p{M}*/gu,
  );
  const byWord = bySegment(normalizer, /\s+|\S+/gu);
  return (text, whole) => {
    const result = byCluster(text, whole);
    return result?.text === whole ? result : byWord(text, whole);
  };
}

function prepend(lead: string): Step {
  return (text) => {
    if (text.tables === null) {
      return { ...text, text: lead + text.text, lead: text.lead + lead.length };
    }
    const builder = new AlignedBuilder(text);
    builder.replace(0, 0, lead);
    builder.keep(0, text.text.length);
    return builder.finish();
  };
}

function replace(pattern: RegExp, content: string): Step {
  return (text, whole) => {
    const matches = [...text.text.matchAll(pattern)];
    // one unit for one unit moves nothing: the usual " " -> "▁"
    if (
      content.length === 1 && matches.every(([match]) => match.length === 1)
    ) {
      return { ...text, text: whole };
    }
    const builder = new AlignedBuilder(text);
    let done = 0;
    for (const match of matches) {
      builder.keep(done, match.index);
      done = match.index + match[0].length;
      builder.replace(match.index, done, content);
    }
    builder.keep(done, text.text.length);
    return builder.finish();
  };
}

function strip(text: Aligned, whole: string): Aligned {
  // what is left starts at 0, or behind the white space that was cut off
  const kept = text.text.startsWith(whole)
    ? 0
    : text.text.search(/\P{White_Space}/u);
  return sliceAligned(text, kept, kept + whole.length);
}

/** Normalises stretches one by one; right if they join to what the whole gives. */
function bySegment(normalizer: Normalizer, pattern: RegExp): Step {
  return (text) => {
    const builder = new AlignedBuilder(text);
    for (const match of text.text.matchAll(pattern)) {
      const end = match.index + match[0].length;
      const result = normalizer.normalize(match[0]);
      if (result === match[0]) builder.keep(match.index, end);
      else builder.replace(match.index, end, result);
    }
    return builder.finish();
  };
}
