/**
 * Tokens to text, as they come. Each step of the tokenizer's decoder is a stage that passes on what has
 * become certain; the text of a whole is, by construction, what the stages give piece by piece.
 * @module
 */
import { readBytes } from "../_byte_alphabet.ts";
import type { Fields } from "./fields.ts";
import { patternOf } from "./pattern.ts";

/** Takes tokens and gives text. */
export interface Stage {
  /** `literal`: an added token, written unchanged. */
  write(token: string, literal: boolean): void;
  end(): void;
}

type StageMaker = (next: Stage) => Stage;

/** Makes the stages of one stream; `out` receives the text. Throws `DataError` for a decoder that is not known. */
export function decodingStages(
  section: Fields | null,
  out: (text: string) => void,
): Stage {
  const last: Stage = { write: (token) => out(token), end: () => {} };
  const makers = section === null ? [joinWithSpaces] : makersOf(section);
  return makers.reduceRight<Stage>((next, make) => make(next), last);
}

function makersOf(section: Fields): StageMaker[] {
  const makers: StageMaker[] = [];
  let fused = false;
  for (const step of decoderSteps(section)) {
    makers.push(makerOf(step, fused));
    fused ||= step.raw("type") === "Fuse";
  }
  return makers;
}

/** The steps of a decoder, in order. */
export function decoderSteps(section: Fields): Fields[] {
  return section.raw("type") === "Sequence"
    ? section.sections("decoders").flatMap(decoderSteps)
    : [section];
}

function makerOf(step: Fields, fused: boolean): StageMaker {
  const type = step.text("type");
  switch (type) {
    case "Fuse":
      return (next) => next;
    case "Strip":
      return fused ? stripWhole(step) : stripEach(step);
    case "ByteLevel":
      return fused ? onWhole(byteLevel) : byteLevel;
    case "ByteFallback":
      return fused ? onWhole(byteFallback) : byteFallback;
    case "Replace":
      return fused ? onWhole(replacing(step)) : replacing(step);
    case "Metaspace":
      return fused ? onWhole(metaspace(step)) : metaspace(step);
    case "WordPiece":
      return fused ? onWhole(wordPiece(step)) : wordPiece(step);
    case "BPEDecoder":
      return fused ? onWhole(wordSuffix(step)) : wordSuffix(step);
    case "CTC":
      return fused ? onWhole(withoutRepeats(step)) : withoutRepeats(step);
    default:
      return step.refuse(`the decoder ${JSON.stringify(type)} is not known`);
  }
}

/** Behind `Fuse` a step sees the text as one token: nothing is certain before the end. */
function onWhole(make: StageMaker): StageMaker {
  return (next) => {
    const stage = make(next);
    let whole = "";
    return {
      write: (token) => void (whole += token),
      end() {
        if (whole !== "") stage.write(whole, false);
        stage.end();
      },
    };
  };
}

/** Connectionist temporal classification: the same token again and again is one, and the pad is none. */
function withoutRepeats(step: Fields): StageMaker {
  const pad = step.text("pad_token", "<pad>");
  const delimiter = step.text("word_delimiter_token", "|");
  const tidy = step.flag("cleanup", true);
  return (next) => {
    let last: string | null = null;
    return {
      write(token, literal) {
        if (token === last) return;
        last = token;
        const kept = pad === "" ? token : token.replaceAll(pad, "");
        const text = tidy ? closeUp(kept).replaceAll(delimiter, " ") : kept;
        if (text !== "") next.write(text, literal);
      },
      end: () => next.end(),
    };
  };
}

function joinWithSpaces(next: Stage): Stage {
  let first = true;
  return {
    write(token) {
      next.write(first ? token : ` ${token}`, true);
      first = false;
    },
    end: () => next.end(),
  };
}

function byteLevel(next: Stage): Stage {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const encoder = new TextEncoder();
  const flush = (): void => {
    const rest = utf8.decode();
    if (rest !== "") next.write(rest, true);
  };
  return {
    write(token, literal) {
      if (literal) {
        flush();
        next.write(token, true);
        return;
      }
      const text = utf8.decode(readBytes(token) ?? encoder.encode(token), {
        stream: true,
      });
      if (text !== "") next.write(text, true);
    },
    end() {
      flush();
      next.end();
    },
  };
}

function byteFallback(next: Stage): Stage {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const flush = (): void => {
    const rest = utf8.decode();
    if (rest !== "") next.write(rest, true);
  };
  return {
    write(token, literal) {
      const byte = literal ? null : /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
      if (byte === null) {
        flush();
        next.write(token, literal);
        return;
      }
      const text = utf8.decode(Uint8Array.of(parseInt(byte[1], 16)), {
        stream: true,
      });
      if (text !== "") next.write(text, true);
    },
    end() {
      flush();
      next.end();
    },
  };
}

function replacing(step: Fields): StageMaker {
  const finder = patternOf(step);
  const content = step.text("content");
  const replaced = (token: string): string => {
    const { ends, found } = finder(token);
    let text = "";
    for (let i = 0; i < ends.length; i++) {
      text += found[i] === 1
        ? content
        : token.slice(i === 0 ? 0 : ends[i - 1], ends[i]);
    }
    return text;
  };
  return (next) => ({
    write: (token, literal) => next.write(replaced(token), literal),
    end: () => next.end(),
  });
}

function metaspace(step: Fields): StageMaker {
  const mark = step.text("replacement", "\u2581");
  const stripsFirst = step.raw("prepend_scheme") !== "never" &&
    step.raw("add_prefix_space") !== false;
  return (next) => {
    let first = stripsFirst;
    return {
      write(token, literal) {
        const text = token.replaceAll(mark, " ");
        next.write(
          first && text.startsWith(" ") ? text.slice(1) : text,
          literal,
        );
        first = false;
      },
      end: () => next.end(),
    };
  };
}

function wordPiece(step: Fields): StageMaker {
  const prefix = step.text("prefix", "##");
  const tidy = step.flag("cleanup", false);
  return (next) => {
    let first = true;
    return {
      write(token, literal) {
        const text = first
          ? token
          : prefix !== "" && token.startsWith(prefix)
          ? token.slice(prefix.length)
          : ` ${token}`;
        first = false;
        next.write(tidy ? closeUp(text) : text, literal);
      },
      end: () => next.end(),
    };
  };
}

/** Removes the spaces that English does not write before marks and contractions. */
function closeUp(text: string): string {
  return text.replace(/ ([.?!,])/g, "$1").replace(/ ' /g, "'")
    .replace(/ (n't|'m|'s|'ve|'re)/g, "$1");
}

/** Tokens that end a word carry a suffix, which is a space unless the text ends there. */
function wordSuffix(step: Fields): StageMaker {
  const suffix = step.text("suffix", "</w>");
  return (next) => {
    let held: string | null = null;
    return {
      write(token) {
        if (held !== null) next.write(held.replaceAll(suffix, " "), true);
        held = token;
      },
      end() {
        if (held !== null) next.write(held.replaceAll(suffix, ""), true);
        next.end();
      },
    };
  };
}

function stripEach(step: Fields): StageMaker {
  const { content, start, stop } = stripLimits(step);
  return (next) => ({
    write(token, literal) {
      let from = 0;
      let to = token.length;
      while (from < start && from < to && token[from] === content) from++;
      while (
        token.length - to < stop && to > from && token[to - 1] === content
      ) to--;
      next.write(token.slice(from, to), literal);
    },
    end: () => next.end(),
  });
}

/** Strips the whole text: what might be cut off its end is held back. */
function stripWhole(step: Fields): StageMaker {
  const { content, start, stop } = stripLimits(step);
  return (next) => {
    let toSkip = start;
    let held = "";
    return {
      write(token) {
        let text = held + token;
        while (toSkip > 0 && text !== "") {
          if (text[0] !== content) toSkip = 0;
          else {
            text = text.slice(1);
            toSkip--;
          }
        }
        let keep = text.length;
        while (
          text.length - keep < stop && keep > 0 && text[keep - 1] === content
        ) keep--;
        held = text.slice(keep);
        if (keep > 0) next.write(text.slice(0, keep), true);
      },
      end: () => next.end(),
    };
  };
}

function stripLimits(
  step: Fields,
): { content: string; start: number; stop: number } {
  return {
    content: step.text("content", " "),
    start: step.count("start", 0),
    stop: step.count("stop", 0),
  };
}
