/**
 * Cuts a normalised text into the pieces that the model sees one at a time, and keeps where each is: the steps of
 * the Rust library, in its order.
 * @module
 */
import { BYTE_CHARACTERS } from "../_byte_alphabet.ts";
import { byteSpans } from "../_utf8.ts";
import { type Aligned, AlignedBuilder, startOf } from "./aligned.ts";
import { NUMERIC, PUNCTUATION, skip, WHITE_SPACE, WORD } from "./characters.ts";
import type { Fields } from "./fields.ts";
import { GPT2 } from "./known_patterns.ts";
import { patternOf } from "./pattern.ts";
import {
  type Behaviour,
  BEHAVIOURS,
  eachPiece,
  findCharacters,
  type Finder,
  findOther,
  StretchBuilder,
  type Stretches,
} from "./split.ts";

/**
 * Takes the pieces of a text, in order, one at a time: a long text has millions, and no list of them is ever made.
 * `text` is what the model sees (in byte-level tokenizers, before it is written in their alphabet), `offset` where
 * it is in `of`: the unit of its first character that is not put in, and `lead` how many units in front of that
 * were put in (0 or 1, a space).
 */
export type PieceSink = (
  text: string,
  offset: number,
  lead: number,
  of: Aligned,
) => void;

/** One step: takes pieces, and hands on smaller ones, or others. */
type Step = (next: PieceSink) => PieceSink;

/** How a tokenizer cuts. */
export interface PreTokenization {
  /** A sink of whole texts that cuts them, and hands the pieces on. */
  readonly cutter: (next: PieceSink) => PieceSink;
  /** Whether pieces are to be written in the alphabet of bytes: the last step says so. */
  readonly bytes: boolean;
}

/** Reads the section `pre_tokenizer`. Throws `DataError` for one that is not known. */
export function readPreTokenizer(section: Fields | null): PreTokenization {
  const sections = section === null ? [] : flatten(section);
  const steps: Step[] = [];
  for (const [i, one] of sections.entries()) {
    steps.push(...stepsOf(one, i === sections.length - 1));
  }
  return {
    bytes: sections.at(-1)?.raw("type") === "ByteLevel",
    cutter: (next) =>
      steps.reduceRight<PieceSink>((sink, step) => step(sink), next),
  };
}

function flatten(section: Fields): Fields[] {
  return section.raw("type") === "Sequence"
    ? section.sections("pretokenizers").flatMap(flatten)
    : [section];
}

function stepsOf(section: Fields, isLast: boolean): Step[] {
  const type = section.text("type");
  switch (type) {
    case "ByteLevel":
      return [
        section.flag("add_prefix_space", true) ? withSpace : asTheyAre,
        section.flag("use_regex", true)
          ? splitting(GPT2, "Isolated")
          : asTheyAre,
        isLast ? asTheyAre : writeBytes,
      ];
    case "Split":
      return [splitting(splitFinder(section), behaviourOf(section, null))];
    case "Metaspace":
      return metaspace(section);
    case "Whitespace":
      return [splitting(words, "Isolated"), droppingSpace];
    case "WhitespaceSplit":
      return [splitting(findCharacters(WHITE_SPACE), "Removed")];
    case "BertPreTokenizer":
      return [
        splitting(findCharacters(WHITE_SPACE), "Removed"),
        splitting(findCharacters(PUNCTUATION), "Isolated"),
      ];
    case "Punctuation":
      return [
        splitting(
          findCharacters(PUNCTUATION),
          behaviourOf(section, "Isolated"),
        ),
      ];
    case "Digits":
      return [
        splitting(
          findCharacters(NUMERIC),
          section.flag("individual_digits", false) ? "Isolated" : "Contiguous",
        ),
      ];
    case "CharDelimiterSplit": {
      const delimiter = section.text("delimiter");
      return [
        splitting((text) => {
          const isOne = (code: number) => code === delimiter.codePointAt(0);
          return findCharacters({ has: isOne })(text);
        }, "Removed"),
      ];
    }
    case "FixedLength":
      return [splitting(everyFew(section.count("length", 5)), "Isolated")];
    default:
      return section.refuse(
        `the pre-tokenizer ${JSON.stringify(type)} is not known`,
      );
  }
}

function behaviourOf(section: Fields, otherwise: Behaviour | null): Behaviour {
  return otherwise === null
    ? section.word("behavior", BEHAVIOURS)
    : section.word("behavior", BEHAVIOURS, otherwise);
}

function splitFinder(section: Fields): Finder {
  const finder = patternOf(section);
  return section.flag("invert", false) ? findOther(finder) : finder;
}

const asTheyAre: Step = (next) => next;

/** Cuts every piece at what is found in it. */
function splitting(finder: Finder, behaviour: Behaviour): Step {
  return (next) => (text, offset, lead, of) =>
    eachPiece(finder(text), behaviour, (start, end) => {
      const isWhole = start === 0 && end === text.length;
      next(
        isWhole ? text : text.slice(start, end),
        offset + Math.max(0, start - lead),
        Math.max(0, lead - start),
        of,
      );
    });
}

/** A space in front of every piece that has none. */
const withSpace: Step = (next) => (text, offset, lead, of) =>
  text.startsWith(" ")
    ? next(text, offset, lead, of)
    : next(` ${text}`, offset, lead + 1, of);

const OTHER = {
  has: (code: number): boolean => !WORD.has(code) && !WHITE_SPACE.has(code),
};

/** Words and runs of other characters that are not white space. */
function words(text: string): Stretches {
  const builder = new StretchBuilder();
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at) ?? 0;
    const isWord = WORD.has(code);
    const isSpace = !isWord && WHITE_SPACE.has(code);
    at = skip(text, at, isWord ? WORD : isSpace ? WHITE_SPACE : OTHER);
    builder.stretch(at, !isSpace);
  }
  return builder.finish(text.length);
}

const droppingSpace: Step = (next) => (text, offset, lead, of) => {
  const code = text.codePointAt(0) ?? 0;
  if (WORD.has(code) || !WHITE_SPACE.has(code)) next(text, offset, lead, of);
};

function everyFew(length: number): Finder {
  return (text) => {
    const builder = new StretchBuilder();
    let count = 0;
    for (let at = 0; at < text.length;) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      if (++count % Math.max(1, length) === 0 || at === text.length) {
        builder.stretch(at, true);
      }
    }
    return builder.finish(text.length);
  };
}

function metaspace(section: Fields): Step[] {
  const mark = section.text("replacement", "\u2581");
  if (mark.length !== 1) {
    section.refuse(`it writes spaces as ${JSON.stringify(mark)}`);
  }
  const scheme = section.has("prepend_scheme")
    ? section.word("prepend_scheme", ["always", "first", "never"])
    : section.flag("add_prefix_space", true)
    ? "always"
    : "never";
  const replace: Step = (next) => (text, offset, lead, of) => {
    const marked = text.replaceAll(" ", mark);
    const gets = scheme !== "never" && !marked.startsWith(mark) &&
      (scheme === "always" || startOf(of, offset) === 0);
    if (gets) next(mark + marked, offset, lead + 1, of);
    else next(marked, offset, lead, of);
  };
  if (!section.flag("split", true)) return [replace];
  const code = mark.charCodeAt(0);
  const isMark = { has: (other: number) => other === code };
  return [replace, splitting(findCharacters(isMark), "MergedWithNext")];
}

/** Pieces in the alphabet of bytes, for steps that come after: each byte is a character. */
const writeBytes: Step = (next) => {
  const encoder = new TextEncoder();
  return (text, offset, lead, of) => {
    const builder = new AlignedBuilder(of);
    const { bytes, starts, ends } = byteSpans(text, encoder);
    for (let k = 0; k < bytes.length; k++) {
      const from = offset + Math.max(0, starts[k] - lead);
      const to = offset + Math.max(0, ends[k] - lead);
      builder.replace(from, to, BYTE_CHARACTERS[bytes[k]]);
    }
    const written = builder.finish();
    next(written.text, 0, 0, written);
  };
};
