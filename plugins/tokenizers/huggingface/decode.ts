/**
 * Tokens to text, as they come. Each step of the tokenizer's decoder is a stage that passes on what has
 * become certain; the text of a whole is, by construction, what the stages give piece by piece.
 * @module
 */
import type { Decoder } from "@huggingface/tokenizers";
import { readBytes } from "../_byte_alphabet.ts";
import { isObject, type JsonObject } from "./files.ts";

/** Takes tokens and gives text. */
export interface Stage {
  /** `literal`: an added token, written as it stands. */
  write(token: string, literal: boolean): void;
  end(): void;
}

type StageMaker = (next: Stage) => Stage;

/** Makes the stages of one stream; `out` receives the text. */
export function decodingStages(
  config: unknown,
  decoder: Decoder | null,
  out: (text: string) => void,
): Stage {
  const last: Stage = { write: (token) => out(token), end: () => {} };
  const makers = makersOf(config);
  if (makers !== null) {
    return makers.reduceRight<Stage>((next, make) => make(next), last);
  }
  // a decoder that needs the whole: nothing is certain before the end
  const tokens: string[] = [];
  return {
    write: (token) => void tokens.push(token),
    end: () => out(decoder === null ? tokens.join(" ") : decoder(tokens)),
  };
}

function makersOf(config: unknown): StageMaker[] | null {
  if (!isObject(config)) return [joinWithSpaces];
  const steps = config.type === "Sequence"
    ? (Array.isArray(config.decoders) ? config.decoders : [])
    : [config];
  const makers: StageMaker[] = [];
  let fused = false;
  for (const step of steps) {
    if (!isObject(step)) return null;
    const maker = makerOf(step, fused);
    if (maker === null) return null;
    makers.push(maker);
    fused ||= step.type === "Fuse";
  }
  return makers;
}

function makerOf(step: JsonObject, fused: boolean): StageMaker | null {
  switch (step.type) {
    case "Fuse":
      return (next) => next;
    case "Strip":
      return fused ? stripWhole(step) : stripEach(step);
  }
  if (fused) return null;
  switch (step.type) {
    case "ByteLevel":
      return byteLevel;
    case "ByteFallback":
      return byteFallback;
    case "Replace":
      return replacing(step);
    case "Metaspace":
      return metaspace(step);
    case "WordPiece":
      return wordPiece(step);
    case "BPEDecoder":
      return wordSuffix(step);
    default:
      return null;
  }
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

function replacing(step: JsonObject): StageMaker | null {
  const pattern = isObject(step.pattern) ? step.pattern.String : undefined;
  if (typeof pattern !== "string" || pattern === "") return null;
  const content = String(step.content ?? "");
  return (next) => ({
    write: (token, literal) =>
      next.write(token.replaceAll(pattern, () => content), literal),
    end: () => next.end(),
  });
}

function metaspace(step: JsonObject): StageMaker {
  const mark = String(step.replacement ?? "\u2581");
  const stripsFirst = step.prepend_scheme !== "never" &&
    step.add_prefix_space !== false;
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

function wordPiece(step: JsonObject): StageMaker {
  const prefix = String(step.prefix ?? "##");
  const tidy = step.cleanup === true;
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
function wordSuffix(step: JsonObject): StageMaker {
  const suffix = String(step.suffix ?? "</w>");
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

function stripEach(step: JsonObject): StageMaker {
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
function stripWhole(step: JsonObject): StageMaker {
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
  step: JsonObject,
): { content: string; start: number; stop: number } {
  return {
    content: String(step.content ?? " "),
    start: Number(step.start ?? 0),
    stop: Number(step.stop ?? 0),
  };
}
