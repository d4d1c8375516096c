/**
 * WordPiece (the longest tokens from the left) and WordLevel (a token for each word).
 * @module
 */
import type { Fields } from "../fields.ts";
import {
  addToken,
  type Model,
  noTokens,
  type PieceTokens,
  readVocabulary,
} from "./model.ts";

/** Reads a model of type WordPiece. Throws `DataError` for a broken one. */
export function readWordPiece(section: Fields): Model {
  const { tokens, ids } = readVocabulary(section);
  const prefix = section.text("continuing_subword_prefix", "##");
  const longest = section.count("max_input_chars_per_word", 100);
  const unkToken = section.text("unk_token", "[UNK]");
  const longestToken = tokens.reduce(
    (most, token) => Math.max(most, token?.length ?? 0),
    0,
  );
  const unknown = (piece: string): PieceTokens => {
    const id = ids.get(unkToken) ??
      section.refuse(
        `unk_token ${JSON.stringify(unkToken)} is not in its vocab`,
      );
    return { ids: [id], starts: [0], ends: [piece.length] };
  };
  return {
    tokens,
    ids,
    splitsAtSpaces: false,
    encode(piece) {
      if (piece.length > 2 * longest || [...piece].length > longest) {
        return unknown(piece);
      }
      const result = noTokens();
      for (let start = 0; start < piece.length;) {
        const lead = start > 0 ? prefix : "";
        let end = Math.min(piece.length, start + longestToken);
        let id: number | undefined;
        for (; end > start; end--) {
          id = ids.get(lead + piece.slice(start, end));
          if (id !== undefined) break;
        }
        if (id === undefined) return unknown(piece);
        addToken(result, id, { start, end });
        start = end;
      }
      return result;
    },
  };
}

/** Reads a model of type WordLevel. Throws `DataError` for a broken one. */
export function readWordLevel(section: Fields): Model {
  const { tokens, ids } = readVocabulary(section);
  const unkToken = section.text("unk_token", "<unk>");
  return {
    tokens,
    ids,
    splitsAtSpaces: false,
    encode(piece) {
      const id = ids.get(piece) ?? ids.get(unkToken) ??
        section.refuse(
          `the word ${
            JSON.stringify(piece.slice(0, 40))
          } is not in its vocab, and neither is unk_token ${
            JSON.stringify(unkToken)
          }`,
        );
      return { ids: [id], starts: [0], ends: [piece.length] };
    },
  };
}
