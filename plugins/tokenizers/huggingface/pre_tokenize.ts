/**
 * Cuts a normalised text into the pieces that the model sees one at a time, and keeps where each
 * stands.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import {
  ByteLevelPreTokenizer,
  MetaspacePreTokenizer,
  type PreTokenizer,
  ReplacePreTokenizer,
  SequencePreTokenizer,
} from "@huggingface/tokenizers";

/** The pieces of a text, in order. */
export interface Pieces {
  /** What the model sees; in byte-level tokenizers, before it is written in their alphabet. */
  readonly texts: readonly string[];
  /** Where each stands in the normalised text: the unit of its first character that is not put in. */
  readonly offsets: ArrayLike<number>;
  /** How many units in front of each were put in (0 or 1, a space); null where none ever are. */
  readonly leads: ArrayLike<number> | null;
}

/** Cuts a text. `section` is its number among the stretches between added tokens. */
export type PieceCutter = (text: string, section: number) => Pieces;

/** How a tokenizer cuts. */
export interface PreTokenization {
  readonly cut: PieceCutter;
  /** Whether pieces are written in the alphabet of bytes. */
  readonly bytes: boolean;
}

/** Follows the library's pre-tokenizer. Throws `DataError` for one that cannot be followed. */
export function alignPreTokenizer(
  preTokenizer: PreTokenizer | null,
): PreTokenization {
  const stages = flatten(preTokenizer);
  const byteLevel = stages.findIndex((stage) =>
    stage instanceof ByteLevelPreTokenizer
  );
  if (byteLevel >= 0 && byteLevel !== stages.length - 1) {
    throw new DataError(
      "Cannot use this tokenizer: its pre-tokenizer changes text to bytes before other steps, " +
        "so that tokens cannot be traced to characters",
    );
  }
  const cutters = stages.map(cutterOf);
  const whole = (text: string): Pieces => ({
    texts: [text],
    offsets: [0],
    leads: null,
  });
  return {
    bytes: byteLevel >= 0,
    cut: cutters.length === 1 ? cutters[0] : (text, section) =>
      cutters.reduce(
        (pieces, cutter) => cutAgain(pieces, cutter, section),
        whole(text),
      ),
  };
}

function flatten(preTokenizer: PreTokenizer | null): PreTokenizer[] {
  if (preTokenizer === null) return [];
  return preTokenizer instanceof SequencePreTokenizer
    ? preTokenizer.tokenizers.flatMap(flatten)
    : [preTokenizer];
}

function cutAgain(
  pieces: Pieces,
  cutter: PieceCutter,
  section: number,
): Pieces {
  const texts: string[] = [];
  const offsets: number[] = [];
  const leads: number[] = [];
  for (let i = 0; i < pieces.texts.length; i++) {
    const inner = cutter(pieces.texts[i], section);
    const outerLead = pieces.leads?.[i] ?? 0;
    for (let j = 0; j < inner.texts.length; j++) {
      const at = inner.offsets[j]; // within the piece, what was put in before included
      const lead = inner.leads?.[j] ?? 0;
      texts.push(inner.texts[j]);
      offsets.push(pieces.offsets[i] + Math.max(0, at - outerLead));
      leads.push(lead + Math.max(0, outerLead - at));
    }
  }
  return { texts, offsets, leads };
}

function cutterOf(stage: PreTokenizer): PieceCutter {
  if (stage instanceof ByteLevelPreTokenizer) return byteLevelCutter(stage);
  if (stage instanceof MetaspacePreTokenizer) return metaspaceCutter(stage);
  if (stage instanceof ReplacePreTokenizer) {
    throw new DataError(
      "Cannot use this tokenizer: its pre-tokenizer rewrites text (Replace)",
    );
  }
  return (text, section) =>
    locate(text, stage.pre_tokenize_text(text, { section_index: section }));
}

function byteLevelCutter(stage: ByteLevelPreTokenizer): PieceCutter {
  return (text) => {
    const lead = stage.add_prefix_space && !text.startsWith(" ") ? 1 : 0;
    const spaced = lead === 1 ? ` ${text}` : text;
    const pieces = locate(
      spaced,
      stage.use_regex ? spaced.match(stage.pattern) ?? [] : [spaced],
    );
    return lead === 0 ? pieces : shift(pieces);
  };
}

function metaspaceCutter(stage: MetaspacePreTokenizer): PieceCutter {
  if (stage.str_rep.length !== 1) {
    throw new DataError(
      `Cannot use this tokenizer: it writes spaces as ${
        JSON.stringify(stage.str_rep)
      }`,
    );
  }
  return (text, section) => {
    const [spaced] = stage.pre_tokenize_text(text, { section_index: section });
    const lead = spaced.length - text.length;
    return { texts: [spaced], offsets: [0], leads: lead === 0 ? null : [lead] };
  };
}

/** Pieces of a text with one space in front that was put in. */
function shift({ texts, offsets }: Pieces): Pieces {
  return {
    texts,
    offsets: Array.from(offsets, (offset) => Math.max(0, offset - 1)),
    leads: texts.map((_, i) => i === 0 ? 1 : 0),
  };
}

/** Where pieces stand, if they are the text's own, in order, with at most white space left out. */
function locate(text: string, texts: readonly string[]): Pieces {
  const offsets = new Int32Array(texts.length);
  let at = 0;
  for (let i = 0; i < texts.length; i++) {
    if (!text.startsWith(texts[i], at)) {
      const found = text.indexOf(texts[i], at);
      if (found < 0 || !isSpace(text.slice(at, found))) {
        throw cannotLocate(texts[i]);
      }
      at = found;
    }
    offsets[i] = at;
    at += texts[i].length;
  }
  if (at < text.length && !isSpace(text.slice(at))) {
    throw cannotLocate(text.slice(at, at + 20));
  }
  return { texts, offsets, leads: null };
}

function isSpace(text: string): boolean {
  return !/\P{White_Space}/u.test(text);
}

function cannotLocate(piece: string): DataError {
  return new DataError(
    `Cannot say which characters tokens came from: the pre-tokenizer changes or leaves out text at ${
      JSON.stringify(piece.slice(0, 40))
    }`,
  );
}
