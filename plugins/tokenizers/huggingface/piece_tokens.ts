/**
 * The tokens of one piece (a word, mostly), and which of its characters each covers. The library's
 * model says which tokens; what is added here is checked against it.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { BPE, type Model, Unigram, WordPiece } from "@huggingface/tokenizers";
import { writeBytes } from "../_byte_alphabet.ts";
import { byteSpans } from "../_utf8.ts";

/** Tokens with spans in UTF-16 units of the piece. */
export interface PieceTokens {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

interface Surface {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

const CHECKED_LENGTH = 256;

/** Finds the tokens of pieces. */
export function pieceTokenizer(
  model: Model,
  bytes: boolean,
): (piece: string) => PieceTokens {
  const encoder = new TextEncoder();
  const surfaces = surfaceFinder(model, encoder);
  const checked = (text: string): Surface[] => {
    const found = surfaces(text);
    // beyond this the library's own cache does not help, and asking twice would cost as much again
    if (text.length >= CHECKED_LENGTH) return found;
    const expected = model([text]);
    const same = expected.length === found.length &&
      found.every(({ id }, i) =>
        id === (model.tokens_to_ids.get(expected[i]) ?? model.unk_token_id)
      );
    if (!same) throw cannotTrace(text);
    return found;
  };
  return (piece) => {
    if (!bytes) return unzip(checked(piece));
    const { bytes: utf8, starts, ends } = byteSpans(piece, encoder);
    const tokens = checked(writeBytes(utf8)).map(({ id, start, end }) => ({
      id,
      start: starts[start],
      end: ends[end - 1],
    }));
    return unzip(tokens);
  };
}

function unzip(tokens: readonly Surface[]): PieceTokens {
  return {
    ids: tokens.map(({ id }) => id),
    starts: tokens.map(({ start }) => start),
    ends: tokens.map(({ end }) => end),
  };
}

function cannotTrace(piece: string): DataError {
  return new DataError(
    `Cannot say which characters the tokens of ${
      JSON.stringify(piece.slice(0, 40))
    } came from`,
  );
}

function surfaceFinder(
  model: Model,
  encoder: TextEncoder,
): (text: string) => Surface[] {
  if (model instanceof BPE) return (text) => bpeSurfaces(model, text, encoder);
  if (model instanceof WordPiece) {
    return (text) => wordPieceSurfaces(model, text);
  }
  if (model instanceof Unigram) {
    return (text) => joinedSurfaces(model, text, model([text]));
  }
  return (text) => joinedSurfaces(model, text, [text]);
}

/** Tokens that are the text itself, cut. An unknown one gets the unknown id. */
function joinedSurfaces(
  model: Model,
  text: string,
  tokens: readonly string[],
): Surface[] {
  let at = 0;
  const result = tokens.map((token) => {
    const id = model.tokens_to_ids.get(token) ?? model.unk_token_id;
    if (id === undefined || !text.startsWith(token, at)) {
      throw cannotTrace(text);
    }
    const start = at;
    at += token.length;
    return { id, start, end: at };
  });
  if (at !== text.length) throw cannotTrace(text);
  return result;
}

function wordPieceSurfaces(model: WordPiece, text: string): Surface[] {
  const tokens = model([text]);
  if (
    tokens.length === 1 && tokens[0] === model.unk_token &&
    text !== model.unk_token
  ) {
    const id = model.unk_token_id;
    if (id === undefined) throw cannotTrace(text);
    return [{ id, start: 0, end: text.length }]; // the whole word is unknown
  }
  const prefix = String(model.config.continuing_subword_prefix ?? "");
  let at = 0;
  return tokens.map((token, i) => {
    const id = model.tokens_to_ids.get(token);
    const surface = i === 0 ? token : token.slice(prefix.length);
    if (id === undefined || !text.startsWith(surface, at)) {
      throw cannotTrace(text);
    }
    const start = at;
    at += surface.length;
    return { id, start, end: at };
  });
}

function bpeSurfaces(
  model: BPE,
  text: string,
  encoder: TextEncoder,
): Surface[] {
  const { tokens_to_ids: idOf } = model;
  const whole = model.ignore_merges ? idOf.get(text) : undefined;
  if (whole !== undefined) return [{ id: whole, start: 0, end: text.length }];
  const result: Surface[] = [];
  const tokens = model.bpe(text);
  const suffix = model.end_of_word_suffix ?? "";
  let at = 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    const last = i === tokens.length - 1 && suffix !== "" &&
      token.endsWith(suffix);
    const surface = last ? token.slice(0, -suffix.length) : token;
    if (!text.startsWith(surface, at)) throw cannotTrace(text);
    const start = at;
    at += surface.length;
    const id = idOf.get(token);
    if (id !== undefined) {
      result.push({ id, start, end: at });
      continue;
    }
    const bytes = model.byte_fallback ? byteIds(model, token, encoder) : null;
    if (bytes !== null) {
      for (const byte of bytes) {
        result.push({
          id: byte.id,
          start: start + byte.start,
          end: start + byte.end,
        });
      }
    } else if (model.unk_token != null && model.unk_token_id !== undefined) {
      const before = result.at(-1);
      if (model.fuse_unk && before?.id === model.unk_token_id) {
        result[result.length - 1] = { ...before, end: at }; // a run of unknown ones is one token
      } else {
        result.push({ id: model.unk_token_id, start, end: at });
      }
    } // without an unknown token the model leaves the character out
  }
  if (at !== text.length) throw cannotTrace(text);
  return result;
}

/** The tokens `<0x0A>` of a character's bytes, or null if the vocabulary lacks one of them. */
function byteIds(
  model: BPE,
  token: string,
  encoder: TextEncoder,
): Surface[] | null {
  const { bytes, starts, ends } = byteSpans(token, encoder);
  const result: Surface[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const name = `<0x${bytes[i].toString(16).toUpperCase().padStart(2, "0")}>`;
    const id = model.tokens_to_ids.get(name);
    if (id === undefined) return null;
    result.push({ id, start: starts[i], end: ends[i] });
  }
  return result;
}
