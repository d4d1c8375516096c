/**
 * Text to ids with spans, by the steps of the Rust library: cut at added tokens, normalise, cut at added tokens
 * that are looked for in normalised text, cut into pieces, ask the model. Ids of pieces are remembered: most words
 * come again.
 * @module
 */
import type { Encoding } from "@denotune/denotune/core";
import { type AddedToken, AddedTokenSplitter } from "../_added_tokens.ts";
import { writeAscii, writeBytes } from "../_byte_alphabet.ts";
import { TokenBuffer } from "../_token_buffer.ts";
import { byteSpans } from "../_utf8.ts";
import {
  type Aligned,
  type AlignedNormalizer,
  asIs,
  endOf,
  sliceAligned,
  startOf,
} from "./aligned.ts";
import type { Model, PieceTokens } from "./models/model.ts";
import type { PieceSink, PreTokenization } from "./pre_tokenize.ts";

/** What the encoder needs to know of a tokenizer. */
export interface EncoderParts {
  readonly normalizer: AlignedNormalizer | null;
  readonly preTokenizer: PreTokenization;
  readonly model: Model;
  readonly added: readonly (AddedToken & { readonly normalized: boolean })[];
  /** Ids that `addBos` puts in front. */
  readonly prefix: readonly number[];
}

const SPACE_MARK = "\u2581"; // ▁, a space as SentencePiece writes it
const CACHED_PIECES = 1 << 17;
const CACHED_LENGTH = 64;

/** Makes the encoder. */
export function makeEncoder(
  { normalizer, preTokenizer: { cutter, bytes }, model, added, prefix }:
    EncoderParts,
): (text: string, addBos: boolean) => Encoding {
  const textSplitter = new AddedTokenSplitter(
    added.filter(({ normalized }) => !normalized)
      .map((token) => [token.content, token]),
  );
  const normalizedTokens = added.filter(({ normalized }) => normalized);
  const normalizedSplitter = normalizedTokens.length === 0
    ? null
    : new AddedTokenSplitter(
      normalizedTokens.map((token) => [
        normalizer === null
          ? token.content
          : normalizer(asIs(token.content, 0)).text,
        token,
      ]),
    );
  const encoder = new TextEncoder();
  const cache = new Map<string, PieceTokens>();
  const buffer = new TokenBuffer();

  function tokensOf(piece: string): PieceTokens {
    if (!bytes) return model.encode(piece);
    const ascii = writeAscii(piece);
    if (ascii !== null) return model.encode(ascii); // a unit is a byte
    const { bytes: utf8, starts, ends } = byteSpans(piece, encoder);
    const tokens = model.encode(writeBytes(utf8));
    return {
      ids: tokens.ids,
      starts: tokens.starts.map((start) => starts[start]),
      ends: tokens.ends.map((end) => ends[end - 1]),
    };
  }

  function lookUp(piece: string): PieceTokens {
    const known = cache.get(piece);
    if (known !== undefined) return known;
    const tokens = tokensOf(piece);
    if (piece.length <= CACHED_LENGTH) {
      if (cache.size >= CACHED_PIECES) cache.clear();
      cache.set(piece, tokens);
    }
    return tokens;
  }

  const write: PieceSink = (text, offset, lead, of) => {
    const { tables, base, lead: ofLead } = of;
    const plain = tables === null && ofLead === 0;
    const { ids, starts, ends } = lookUp(text);
    for (let k = 0; k < ids.length; k++) {
      const from = offset + Math.max(0, starts[k] - lead);
      const to = offset + Math.max(0, ends[k] - lead);
      if (plain) buffer.push(ids[k], base + from, base + to);
      else if (to > from) {
        buffer.push(ids[k], startOf(of, from), endOf(of, to));
      } else buffer.push(ids[k], startOf(of, from), startOf(of, from));
    }
  };
  const cut = cutter(
    !bytes && model.splitsAtSpaces ? splitWords(write) : write,
  );

  function encodeStretch(text: Aligned): void {
    if (text.text.length > 0) cut(text.text, 0, 0, text);
  }

  function encodeSection(text: string, base: number): void {
    const normalized = normalizer === null
      ? asIs(text, base)
      : normalizer(asIs(text, base));
    if (normalizedSplitter === null) return encodeStretch(normalized);
    for (
      const { start, end, token } of normalizedSplitter.split(normalized.text)
    ) {
      if (token === null) encodeStretch(sliceAligned(normalized, start, end));
      else {
        buffer.push(
          token.id,
          startOf(normalized, start),
          end > start ? endOf(normalized, end) : startOf(normalized, start),
        );
      }
    }
  }

  return (text, addBos) => {
    buffer.clear();
    if (addBos) { for (const id of prefix) buffer.push(id, 0, 0); }
    for (const { start, end, token } of textSplitter.split(text)) {
      if (token !== null) buffer.push(token.id, start, end);
      else encodeSection(text.slice(start, end), start);
    }
    return buffer.encoding();
  };
}

/** Cuts pieces before each `▁` that follows something else. */
function splitWords(next: PieceSink): PieceSink {
  return (piece, offset, lead, of) => {
    let from = 0;
    const push = (to: number): void => {
      next(
        piece.slice(from, to),
        offset + Math.max(0, from - lead),
        Math.max(0, lead - from),
        of,
      );
      from = to;
    };
    for (
      let at = piece.indexOf(SPACE_MARK, 1);
      at > 0;
      at = piece.indexOf(SPACE_MARK, at + 1)
    ) {
      if (piece[at - 1] !== SPACE_MARK) push(at);
    }
    if (from < piece.length) push(piece.length);
  };
}
