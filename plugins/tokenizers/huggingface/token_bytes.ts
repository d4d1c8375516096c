/**
 * The bytes that a token adds to a text, by the steps of the tokenizer's decoder. Where a step looks at a token's
 * neighbours (words of WordPiece, suffixes of BPE), there is no such thing.
 * @module
 */
import { readBytes } from "../_byte_alphabet.ts";
import { decoderSteps } from "./decode.ts";
import type { Fields } from "./fields.ts";

/** Gives the bytes of a token; `literal`: an added one, which is written unchanged. */
export type TokenBytes = (token: string, literal: boolean) => Uint8Array;

/** How the decoder of a tokenizer writes single tokens; null: not without their neighbours. */
export function tokenBytes(section: Fields | null): TokenBytes | null {
  if (section === null) return null;
  const steps = decoderSteps(section);
  const encoder = new TextEncoder();
  let isByteLevel = false;
  let hasByteTokens = false;
  const changes: ((token: string) => string)[] = [];
  for (const step of steps) {
    switch (step.text("type")) {
      case "ByteLevel":
        isByteLevel = true;
        break;
      case "ByteFallback":
        hasByteTokens = true;
        break;
      case "Metaspace": {
        const mark = step.text("replacement", "\u2581");
        changes.push((token) => token.replaceAll(mark, " "));
        break;
      }
      case "Replace": {
        const pattern = step.raw("pattern");
        const text = typeof pattern === "object" && pattern !== null &&
            "String" in pattern && typeof pattern.String === "string"
          ? pattern.String
          : null;
        if (text === null) return null;
        const content = step.text("content");
        changes.push((token) => token.replaceAll(text, content));
        break;
      }
      case "Fuse":
      case "Strip": // of the text's first space: a text that has begun keeps its own
        break;
      default:
        return null;
    }
  }
  return (token, literal) => {
    const byte = hasByteTokens && !literal
      ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token)
      : null;
    if (byte !== null) return Uint8Array.of(parseInt(byte[1], 16));
    if (isByteLevel && !literal) {
      return readBytes(token) ?? encoder.encode(token);
    }
    return encoder.encode(
      changes.reduce((text, change) => change(text), token),
    );
  };
}
