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
  findCharacters,
  type Finder,
  findOther,
  piecesOf,
} from "./split.ts";

/** The pieces of a text, in order. */
export interface Pieces {
  /** What they are pieces of. */
  readonly of: Aligned;
  /** What the model sees; in byte-level tokenizers, before it is written in their alphabet. */
  readonly texts: readonly string[];
  /** Where each is in `of`: the unit of its first character that is not put in. */
  readonly offsets: readonly number[];
  /** How many units in front of each were put in (0 or 1, a space). */
  readonly leads: readonly number[];
}

/** One step: pieces become smaller pieces, or others. */
type Step = (pieces: Pieces) => Pieces;

/** How a tokenizer cuts. */
export interface PreTokenization {
  readonly cut: (text: Aligned) => Pieces;
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
    cut: (of) =>
      steps.reduce<Pieces>((pieces, step) => step(pieces), {
        of,
        texts: [of.text],
        offsets: [0],
        leads: [0],
      }),
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

const asTheyAre: Step = (pieces) => pieces;

/** Cuts every piece at what is found in it. */
function splitting(finder: Finder, behaviour: Behaviour): Step {
  return ({ of, texts, offsets, leads }) => {
    const made = {
      of,
      texts: new Array<string>(),
      offsets: new Array<number>(),
      leads: new Array<number>(),
    };
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i];
      const lead = leads[i];
      const cuts = piecesOf(finder(text), behaviour);
      for (let k = 0; k < cuts.length; k += 2) {
        const [start, end] = [cuts[k], cuts[k + 1]];
        made.texts.push(
          start === 0 && end === text.length ? text : text.slice(start, end),
        );
        made.offsets.push(offsets[i] + Math.max(0, start - lead));
        made.leads.push(Math.max(0, lead - start));
      }
    }
    return made;
  };
}

/** A space in front of every piece that has none. */
const withSpace: Step = ({ of, texts, offsets, leads }) => ({
  of,
  texts: texts.map((text) => text.startsWith(" ") ? text : ` ${text}`),
  offsets,
  leads: leads.map((lead, i) => texts[i].startsWith(" ") ? lead : lead + 1),
});

/** Words and runs of other characters that are not white space. */
function words(text: string): { ends: number[]; found: boolean[] } {
  const ends: number[] = [];
  const found: boolean[] = [];
  const isOther = {
    has: (code: number) => !WORD.has(code) && !WHITE_SPACE.has(code),
  };
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at) ?? 0;
    const isSpace = WHITE_SPACE.has(code) && !WORD.has(code);
    at = skip(
      text,
      at,
      isSpace ? WHITE_SPACE : WORD.has(code) ? WORD : isOther,
    );
    ends.push(at);
    found.push(!isSpace);
  }
  return { ends, found };
}

const droppingSpace: Step = ({ of, texts, offsets, leads }) => {
  const kept = texts.keys().filter((i) =>
    !WHITE_SPACE.has(texts[i].codePointAt(0) ?? 0)
  ).toArray();
  return {
    of,
    texts: kept.map((i) => texts[i]),
    offsets: kept.map((i) => offsets[i]),
    leads: kept.map((i) => leads[i]),
  };
};

function everyFew(length: number): Finder {
  return (text) => {
    const ends: number[] = [];
    let count = 0;
    for (let at = 0; at < text.length;) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      if (++count % Math.max(1, length) === 0) ends.push(at);
    }
    if (ends.at(-1) !== text.length && text !== "") ends.push(text.length);
    return { ends, found: ends.map(() => true) };
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
  const replace: Step = ({ of, texts, offsets, leads }) => {
    const marked = texts.map((text) => text.replaceAll(" ", mark));
    const gets = marked.map((text, i) =>
      scheme !== "never" && !text.startsWith(mark) &&
      (scheme === "always" || startOf(of, offsets[i]) === 0)
    );
    return {
      of,
      texts: marked.map((text, i) => gets[i] ? mark + text : text),
      offsets,
      leads: leads.map((lead, i) => gets[i] ? lead + 1 : lead),
    };
  };
  if (!section.flag("split", true)) return [replace];
  const code = mark.charCodeAt(0);
  const isMark = { has: (other: number) => other === code };
  return [replace, splitting(findCharacters(isMark), "MergedWithNext")];
}

/** Pieces in the alphabet of bytes, for steps that come after: each byte is a character. */
const writeBytes: Step = ({ of, texts, offsets, leads }) => {
  const builder = new AlignedBuilder(of);
  const encoder = new TextEncoder();
  const made = {
    texts: new Array<string>(),
    offsets: new Array<number>(),
    leads: new Array<number>(),
  };
  let at = 0;
  for (let i = 0; i < texts.length; i++) {
    const { bytes, starts, ends } = byteSpans(texts[i], encoder);
    let text = "";
    for (let k = 0; k < bytes.length; k++) {
      const character = BYTE_CHARACTERS[bytes[k]];
      const from = offsets[i] + Math.max(0, starts[k] - leads[i]);
      const to = offsets[i] + Math.max(0, ends[k] - leads[i]);
      builder.replace(from, to, character);
      text += character;
    }
    made.texts.push(text);
    made.offsets.push(at);
    made.leads.push(0);
    at += text.length;
  }
  return { of: builder.finish(), ...made };
};
