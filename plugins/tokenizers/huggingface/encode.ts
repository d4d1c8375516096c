/**
 * Text to ids with spans. The steps are the library's, taken one at a time: cut at added tokens,
 * normalise, cut at added tokens that are looked for in normalised text, cut into pieces, ask the
 * model. Ids of pieces are remembered: most words come again.
 * @module
 */
import { DataError, type Encoding } from "@denotune/denotune/core";
import type { Tokenizer as Library } from "@huggingface/tokenizers";
import { type AddedToken, AddedTokenSplitter } from "../_added_tokens.ts";
import { TokenBuffer } from "../_token_buffer.ts";
import { type Aligned, asIs, endOf, sliceAligned, startOf } from "./aligned.ts";
import { alignNormalizer } from "./normalize.ts";
import { pieceTokenizer, type PieceTokens } from "./piece_tokens.ts";
import { alignPreTokenizer, type Pieces } from "./pre_tokenize.ts";

/** What the encoder needs to know of a tokenizer. */
export interface EncoderParts {
  readonly library: Library;
  readonly added: readonly (AddedToken & { readonly normalized: boolean })[];
  /** Ids that `addBos` puts in front. */
  readonly prefix: readonly number[];
}

const SPACE_MARK = "\u2581"; // ▁, a space as SentencePiece writes it
const CACHED_PIECES = 1 << 17;
const CACHED_LENGTH = 64;
const COMPARED_TEXTS = 16;
const COMPARED_LENGTH = 20_000;

/** Makes the encoder. Throws `DataError` for a tokenizer that cannot be followed. */
export function makeEncoder(
  { library, added, prefix }: EncoderParts,
): (text: string, addBos: boolean) => Encoding {
  const { model } = library;
  if (model === null) {
    throw new DataError("Cannot use this tokenizer: it has no model");
  }
  const normalizer = alignNormalizer(library.normalizer);
  const { cut, bytes } = alignPreTokenizer(library.pre_tokenizer);
  const inNormalized = added.filter(({ normalized }) =>
    normalized && library.normalizer !== null
  );
  const inText = added.filter((token) => !inNormalized.includes(token));
  const textSplitter = new AddedTokenSplitter(
    inText.map((token) => [token.content, token]),
  );
  const normalizedSplitter = inNormalized.length === 0
    ? null
    : new AddedTokenSplitter(
      inNormalized.map((
        token,
      ) => [library.normalizer?.(token.content) ?? token.content, token]),
    );
  const byContent = new Map(
    inNormalized.map((token) => [token.content, token]),
  );
  const tokensOf = pieceTokenizer(model, bytes);
  const splitsWords = !bytes && wordsAreApart(model.vocab, model.tokens_to_ids);
  const cache = new Map<string, PieceTokens>();
  const buffer = new TokenBuffer();
  // the library strips white space beside these in its own way, even other added tokens
  const stripping = added.filter(({ lstrip, rstrip }) => lstrip || rstrip)
    .map(({ content }) => content);
  let compared = 0;

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

  function encodePieces(text: Aligned, pieces: Pieces): void {
    const { texts, offsets, leads } = pieces;
    const { tables, base, lead: textLead } = text;
    const plain = tables === null && textLead === 0;
    for (let i = 0; i < texts.length; i++) {
      const { ids, starts, ends } = lookUp(texts[i]);
      const lead = leads === null ? 0 : leads[i];
      const offset = offsets[i];
      for (let k = 0; k < ids.length; k++) {
        const from = offset + Math.max(0, starts[k] - lead);
        const to = offset + Math.max(0, ends[k] - lead);
        if (plain) buffer.push(ids[k], base + from, base + to);
        else if (to > from) {
          buffer.push(ids[k], startOf(text, from), endOf(text, to));
        } else buffer.push(ids[k], startOf(text, from), startOf(text, from));
      }
    }
  }

  function encodeStretch(text: Aligned, section: number): void {
    if (text.text.length === 0) return;
    const pieces = cut(text.text, section);
    encodePieces(text, splitsWords ? splitWords(pieces) : pieces);
  }

  function encodeSection(text: string, base: number, section: number): void {
    const added = byContent.get(text);
    if (added !== undefined) {
      return buffer.push(added.id, base, base + text.length);
    }
    const normalized = normalizer === null
      ? asIs(text, base)
      : normalizer(asIs(text, base));
    if (normalizedSplitter === null) return encodeStretch(normalized, section);
    for (
      const { start, end, token } of normalizedSplitter.split(normalized.text)
    ) {
      if (token === null) {
        encodeStretch(sliceAligned(normalized, start, end), section);
      } else {buffer.push(
          token.id,
          startOf(normalized, start),
          endOf(normalized, end),
        );}
    }
  }

  /** Compares the first texts with the library's own encoding of the whole: a watch on the above. */
  function compare(text: string, { ids }: Encoding): void {
    if (compared >= COMPARED_TEXTS || text.length > COMPARED_LENGTH) return;
    if (stripping.some((token) => text.includes(token))) return;
    compared++;
    const expected = library.encode(text, { add_special_tokens: false }).ids;
    const own = ids.subarray(ids.length - expected.length);
    if (
      own.length === expected.length && expected.every((id, i) => id === own[i])
    ) return;
    throw new DataError(
      `Cannot trace this tokenizer's tokens to characters: for the text ${
        JSON.stringify(text.slice(0, 60))
      } the steps give other ids than the tokenizer as a whole`,
    );
  }

  return (text, addBos) => {
    buffer.clear();
    if (addBos) { for (const id of prefix) buffer.push(id, 0, 0); }
    for (
      const [i, { start, end, token }] of textSplitter.split(text).entries()
    ) {
      if (token !== null) buffer.push(token.id, start, end);
      else encodeSection(text.slice(start, end), start, i);
    }
    const encoding = buffer.encoding();
    compare(text, encoding);
    return encoding;
  };
}

/**
 * Whether no token of a SentencePiece vocabulary goes on from one word into the next. Then words can be
 * looked up apart, with the same result: no merge ever joins them.
 */
function wordsAreApart(
  vocab: readonly string[],
  ids: ReadonlyMap<string, number>,
): boolean {
  if (!ids.has(SPACE_MARK)) return false;
  return vocab.every((token) => {
    if (token === undefined) return true;
    for (
      let at = token.indexOf(SPACE_MARK, 1);
      at > 0;
      at = token.indexOf(SPACE_MARK, at + 1)
    ) {
      if (token[at - 1] !== SPACE_MARK) return false;
    }
    return true;
  });
}

/** Cuts pieces before each `▁` that follows something else. */
function splitWords(pieces: Pieces): Pieces {
  const texts: string[] = [];
  const offsets: number[] = [];
  const leads: number[] = [];
  for (let i = 0; i < pieces.texts.length; i++) {
    const piece = pieces.texts[i];
    const lead = pieces.leads?.[i] ?? 0;
    let from = 0;
    const push = (to: number): void => {
      texts.push(piece.slice(from, to));
      offsets.push(pieces.offsets[i] + Math.max(0, from - lead));
      leads.push(Math.max(0, lead - from));
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
  }
  return { texts, offsets, leads };
}
