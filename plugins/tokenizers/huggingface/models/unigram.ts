/**
 * Unigram: the tokens whose scores add up to the most, found by Viterbi over a trie of the vocabulary.
 * @module
 */
import type { Fields } from "../fields.ts";
import {
  addToken,
  byteTokens,
  type Model,
  noTokens,
  type PieceTokens,
} from "./model.ts";
import { PairTable } from "./pair_table.ts";

/** How much worse than the worst token an unknown character is. */
const UNKNOWN_PENALTY = 10;

/** Reads a model of type Unigram. Throws `DataError` for a broken one. */
export function readUnigram(section: Fields): Model {
  const tokens: string[] = [];
  const scores: number[] = [];
  const ids = new Map<string, number>();
  for (const [id, entry] of section.list("vocab").entries()) {
    const [token, score] = Array.isArray(entry) ? entry : [];
    if (typeof token !== "string" || typeof score !== "number") {
      section.refuse(`vocab[${id}] is not a token and its score`);
    }
    tokens.push(token);
    scores.push(score);
    ids.set(token, id);
  }
  const unkId = section.has("unk_id") ? section.count("unk_id") : null;
  if (unkId !== null && unkId >= tokens.length) {
    section.refuse(`unk_id is ${unkId}, and there are ${tokens.length} tokens`);
  }
  const fallsBack = section.flag("byte_fallback", false);
  const byteId = byteTokens(ids);
  const trie = new Trie(ids);
  const unknownScore = scores.reduce((a, b) => Math.min(a, b), Infinity) -
    UNKNOWN_PENALTY;
  const encoder = new TextEncoder();

  function unknown(): number {
    return unkId ?? section.refuse("it has no unk_id for unknown characters");
  }

  /** Ends of the best tokens, from the last to the first; runs of unknown ones are one. */
  function bestCuts(piece: string): number[] {
    const n = piece.length;
    const score = new Float64Array(n + 1);
    const from = new Int32Array(n + 1).fill(-1);
    const best = new Int32Array(n + 1);
    const offer = (at: number, end: number, id: number, more: number): void => {
      const total = more + score[at];
      if (from[end] >= 0 && total <= score[end]) return;
      score[end] = total;
      from[end] = at;
      best[end] = id;
    };
    for (let at = 0; at < n;) {
      const next = at + ((piece.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
      let hasOwn = false;
      trie.prefixes(piece, at, (end, id) => {
        offer(at, end, id, scores[id]);
        if (end === next) hasOwn = true;
      });
      if (!hasOwn) offer(at, next, unknown(), unknownScore);
      at = next;
    }
    const cuts: number[] = [];
    let isUnknown = false;
    for (let end = n; end > 0; end = from[end]) {
      const joins = isUnknown && best[end] === unkId;
      isUnknown = best[end] === unkId;
      if (!joins) cuts.push(end);
    }
    return cuts;
  }

  return {
    tokens,
    ids,
    splitsAtSpaces: false, // scores of whole texts round in another way
    encode(piece) {
      const result = noTokens();
      let start = 0;
      for (const end of bestCuts(piece).reverse()) {
        write(result, piece, { start, end });
        start = end;
      }
      return result;
    },
  };

  function write(
    result: PieceTokens,
    piece: string,
    span: { readonly start: number; readonly end: number },
  ): void {
    const text = piece.slice(span.start, span.end);
    const id = ids.get(text);
    if (id !== undefined) return addToken(result, id, span);
    if (fallsBack) {
      const bytes = [...encoder.encode(text)].map(byteId);
      if (!bytes.includes(undefined)) return writeBytes(result, text, span);
    }
    addToken(result, unknown(), span);
  }

  /** Each byte with the span of its own character. */
  function writeBytes(
    result: PieceTokens,
    text: string,
    { start }: { readonly start: number },
  ): void {
    let at = start;
    for (const character of text) {
      const end = at + character.length;
      for (const byte of encoder.encode(character)) {
        addToken(result, byteId(byte) ?? unknown(), { start: at, end });
      }
      at = end;
    }
  }
}

/** The tokens of a vocabulary by their UTF-16 units. */
class Trie {
  readonly #edges: PairTable;
  readonly #ids: number[] = [-1]; // of each node

  constructor(ids: ReadonlyMap<string, number>) {
    this.#edges = new PairTable(ids.size * 3);
    for (const [token, id] of ids) {
      if (token === "") continue;
      let node = 0;
      for (let i = 0; i < token.length; i++) {
        const unit = token.charCodeAt(i);
        let child = this.#edges.get(node, unit);
        if (child < 0) {
          child = this.#ids.push(-1) - 1;
          this.#edges.set(node, unit, child);
        }
        node = child;
      }
      this.#ids[node] = id;
    }
  }

  /** Calls with the end and the id of every token that the text has at a place, the shortest first. */
  prefixes(
    text: string,
    from: number,
    found: (end: number, id: number) => void,
  ): void {
    let node = 0;
    for (let at = from; at < text.length; at++) {
      node = this.#edges.get(node, text.charCodeAt(at));
      if (node < 0) return;
      const id = this.#ids[node];
      if (id >= 0) found(at + 1, id);
    }
  }
}
