/**
 * What turns a piece of text into tokens: the model of a tokenizer.json.
 * @module
 */
import type { Fields } from "../fields.ts";

/** Tokens of a piece, with the UTF-16 units of the piece that each covers. */
export interface PieceTokens {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

/** A model. */
export interface Model {
  /** Text of every id; holes where ids have gaps. */
  readonly tokens: readonly (string | undefined)[];
  /** The id of a token's text. */
  readonly ids: ReadonlyMap<string, number>;
  /** The tokens of a piece. Throws `DataError` where it has neither a token nor an unknown one. */
  encode(piece: string): PieceTokens;
  /** Whether pieces may be cut before each `▁` that follows something else, with the same result. */
  readonly splitsAtSpaces: boolean;
}

/** No tokens yet. */
export function noTokens(): PieceTokens {
  return { ids: [], starts: [], ends: [] };
}

/** Adds a token. */
export function addToken(
  into: PieceTokens,
  id: number,
  { start, end }: { readonly start: number; readonly end: number },
): void {
  into.ids.push(id);
  into.starts.push(start);
  into.ends.push(end);
}

/** A vocabulary `{token: id}`. Throws `DataError` for ids that are none. */
export function readVocabulary(
  section: Fields,
): { tokens: (string | undefined)[]; ids: Map<string, number> } {
  const { raw, keys } = entriesOf(section);
  const ids = new Map<string, number>();
  const tokens: (string | undefined)[] = [];
  // ids far beyond the number of tokens would make a table of that size
  const limit = 4 * keys.length + 100_000;
  for (const token of keys) {
    const id = Reflect.get(raw, token);
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
      section.refuse(
        `the id of ${JSON.stringify(token.slice(0, 40))} in vocab is ${
          String(JSON.stringify(id)).slice(0, 40)
        }, expected a whole number from 0`,
      );
    }
    if (id >= limit) {
      section.refuse(
        `the id of ${
          JSON.stringify(token.slice(0, 40))
        } in vocab is ${id}, far beyond its ${keys.length} tokens`,
      );
    }
    ids.set(token, id);
    tokens[id] = token;
  }
  return { tokens, ids };
}

function entriesOf(section: Fields): { raw: object; keys: string[] } {
  const raw = section.raw("vocab");
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return section.refuse("its vocab must be an object of tokens and ids");
  }
  return { raw, keys: Object.keys(raw) };
}

/** The tokens `<0x0A>` of bytes; null where the vocabulary lacks one of them. */
export function byteTokens(
  ids: ReadonlyMap<string, number>,
): (byte: number) => number | undefined {
  const table = Array.from(
    { length: 256 },
    (_, byte) =>
      ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
  return (byte) => table[byte];
}
