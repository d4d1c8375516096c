/**
 * Byte-pair encoding: characters first, then the merge of lowest rank again and again, the leftmost of equals.
 * @module
 */
import type { Fields } from "../fields.ts";
import {
  addToken,
  byteTokens,
  type Model,
  noTokens,
  type PieceTokens,
  readVocabulary,
} from "./model.ts";
import { PairTable } from "./pair_table.ts";

/** UTF-16 units whose tokens are in a table: Latin, and the alphabet that byte-level tokenizers write bytes in. */
const UNITS = 0x180;
const SPACE_MARK = "\u2581"; // ▁, a space as SentencePiece writes it

/** Reads a model of type BPE. Throws `DataError` for a broken one. */
export function readBpe(section: Fields): Model {
  const { tokens, ids } = readVocabulary(section);
  const prefix = section.textOrNull("continuing_subword_prefix") ?? "";
  const suffix = section.textOrNull("end_of_word_suffix") ?? "";
  const unkToken = section.textOrNull("unk_token");
  const fusesUnknown = section.flag("fuse_unk", false);
  const fallsBack = section.flag("byte_fallback", false);
  const ignoresMerges = section.flag("ignore_merges", false);
  const merges = readMerges(section, { ids, prefix });
  const byteId = byteTokens(ids);
  const unkId = unkToken === null ? undefined : ids.get(unkToken);
  const encoder = new TextEncoder();
  // the alphabet of bytes is below; where words have marks, a character alone is no token
  const unitIds = prefix === "" && suffix === ""
    ? Int32Array.from(
      { length: UNITS },
      (_, unit) => ids.get(String.fromCharCode(unit)) ?? -1,
    )
    : new Int32Array(0);

  /** The characters of a piece as tokens, where all of them are in the table; null: some are not. */
  function knownCharacters(piece: string): PieceTokens | null {
    const result = noTokens();
    for (let start = 0; start < piece.length; start++) {
      const unit = piece.charCodeAt(start);
      const id = unit < unitIds.length ? unitIds[unit] : -1;
      if (id === -1) return null;
      addToken(result, id, { start, end: start + 1 });
    }
    return result;
  }

  /** The characters of a piece as tokens. */
  function characters(piece: string): PieceTokens {
    const result = noTokens();
    let unknown: { start: number; end: number } | null = null;
    const flush = (): void => {
      if (unknown !== null && unkId !== undefined) {
        addToken(result, unkId, unknown);
      }
      unknown = null;
    };
    let start = 0;
    for (const character of piece) {
      const end = start + character.length;
      const written = (start > 0 ? prefix : "") + character +
        (end === piece.length ? suffix : "");
      const id = ids.get(written);
      const bytes = id === undefined && fallsBack ? bytesOf(written) : null;
      if (id !== undefined) {
        flush();
        addToken(result, id, { start, end });
      } else if (bytes !== null) {
        flush();
        for (const byte of bytes) addToken(result, byte, { start, end });
      } else if (unkToken !== null) {
        if (unkId === undefined) {
          section.refuse(
            `unk_token ${JSON.stringify(unkToken)} is not in its vocab`,
          );
        }
        if (unknown !== null && fusesUnknown) {
          const whole: { start: number } = unknown;
          unknown = { start: whole.start, end }; // a run of unknown ones is one token
        } else {
          flush();
          unknown = { start, end };
        }
      } // without an unknown token the model leaves the character out
      start = end;
    }
    flush();
    return result;
  }

  function bytesOf(text: string): number[] | null {
    const found: number[] = [];
    for (const byte of encoder.encode(text)) {
      const id = byteId(byte);
      if (id === undefined) return null;
      found.push(id);
    }
    return found;
  }

  return {
    tokens,
    ids,
    splitsAtSpaces: prefix === "" && suffix === "" &&
      wordsAreApart(tokens, ids),
    encode(piece) {
      const whole = ignoresMerges ? ids.get(piece) : undefined;
      if (whole !== undefined) {
        return { ids: [whole], starts: [0], ends: [piece.length] };
      }
      return mergeAll(knownCharacters(piece) ?? characters(piece), merges);
    },
  };
}

interface Merges {
  /** (left, right) -> rank. */
  readonly ranks: PairTable;
  /** Rank -> the token that both become. */
  readonly merged: Int32Array;
  /** Scratch of `mergeShort`: the rank of each token's pair with the next, -1 for none. */
  readonly rankAt: Int32Array; // (SHORT)
}

function readMerges(
  section: Fields,
  { ids, prefix }: {
    readonly ids: ReadonlyMap<string, number>;
    readonly prefix: string;
  },
): Merges {
  const list = section.list("merges");
  const ranks = new PairTable(list.length);
  const merged = new Int32Array(list.length);
  for (const [rank, merge] of list.entries()) {
    const { left, right } = twoTokens(merge) ??
      section.refuse(`merges[${rank}] is not two tokens`);
    const a = ids.get(left);
    const b = ids.get(right);
    // what follows within a word is written with the prefix, once
    const both = ids.get(left + right.slice(prefix.length));
    if (a === undefined || b === undefined || both === undefined) {
      section.refuse(
        `merges[${rank}], ${
          JSON.stringify(`${left} ${right}`.slice(0, 60))
        }, has a token that is not in its vocab`,
      );
    }
    ranks.set(a, b, rank);
    merged[rank] = both;
  }
  return { ranks, merged, rankAt: new Int32Array(SHORT) };
}

/** The tokens of a merge: `"left right"`, or `["left", "right"]`; null for what is neither. */
function twoTokens(merge: unknown): { left: string; right: string } | null {
  if (typeof merge === "string") {
    const space = merge.indexOf(" ");
    const isTwo = space >= 0 && merge.indexOf(" ", space + 1) < 0;
    return isTwo
      ? { left: merge.slice(0, space), right: merge.slice(space + 1) }
      : null;
  }
  if (!Array.isArray(merge) || merge.length !== 2) return null;
  const [left, right] = merge;
  return typeof left === "string" && typeof right === "string"
    ? { left, right }
    : null;
}

/** Up to so many tokens all pairs are looked at for each merge; beyond, a heap holds the candidates. */
const SHORT = 48;

function mergeAll(tokens: PieceTokens, merges: Merges): PieceTokens {
  if (tokens.ids.length < 2) return tokens;
  return tokens.ids.length <= SHORT
    ? mergeShort(tokens, merges)
    : mergeLong(tokens, merges);
}

/** In place: the tokens behind a merge move up by one. */
function mergeShort(tokens: PieceTokens, merges: Merges): PieceTokens {
  const { ids, starts, ends } = tokens;
  const { ranks, merged, rankAt } = merges;
  let n = ids.length;
  for (let i = 0; i + 1 < n; i++) rankAt[i] = ranks.get(ids[i], ids[i + 1]);
  while (true) {
    let best = -1;
    let rank = -1;
    for (let i = 0; i + 1 < n; i++) {
      if (rankAt[i] >= 0 && (best < 0 || rankAt[i] < rank)) {
        best = i;
        rank = rankAt[i];
      }
    }
    if (best < 0) break;
    ids[best] = merged[rank];
    ends[best] = ends[best + 1];
    n--;
    for (let i = best + 1; i < n; i++) {
      ids[i] = ids[i + 1];
      starts[i] = starts[i + 1];
      ends[i] = ends[i + 1];
      rankAt[i] = rankAt[i + 1];
    }
    if (best + 1 < n) rankAt[best] = ranks.get(ids[best], ids[best + 1]);
    if (best > 0) rankAt[best - 1] = ranks.get(ids[best - 1], ids[best]);
  }
  for (const list of [ids, starts, ends]) list.length = n;
  return tokens;
}

/**
 * The same with a linked list of tokens and a heap of (rank, place): time grows as n log n. A candidate counts only
 * if the pair at its place still has its rank.
 */
function mergeLong(
  { ids, starts, ends }: PieceTokens,
  { ranks, merged }: Merges,
): PieceTokens {
  const n = ids.length;
  const next = Int32Array.from({ length: n }, (_, i) => i + 1 < n ? i + 1 : -1);
  const previous = Int32Array.from({ length: n }, (_, i) => i - 1);
  const isGone = new Uint8Array(n);
  const heap = new RankHeap(n);
  const offer = (i: number): void => {
    if (i < 0 || next[i] < 0) return;
    const rank = ranks.get(ids[i], ids[next[i]]);
    if (rank >= 0) heap.push(rank, i);
  };
  for (let i = 0; i + 1 < n; i++) offer(i);
  while (heap.size > 0) {
    const { rank, place } = heap.pop();
    const right = next[place];
    if (isGone[place] === 1 || right < 0) continue;
    if (ranks.get(ids[place], ids[right]) !== rank) continue;
    ids[place] = merged[rank];
    ends[place] = ends[right];
    isGone[right] = 1;
    next[place] = next[right];
    if (next[right] >= 0) previous[next[right]] = place;
    offer(previous[place]);
    offer(place);
  }
  const result = noTokens();
  for (let i = 0; i >= 0; i = next[i]) {
    addToken(result, ids[i], { start: starts[i], end: ends[i] });
  }
  return result;
}

/** The lowest rank first, of equals the leftmost place. */
class RankHeap {
  #keys: Float64Array; // rank * length + place: one number for both
  readonly #length: number;
  size = 0;

  constructor(length: number) {
    this.#length = length;
    this.#keys = new Float64Array(2 * length);
  }

  push(rank: number, place: number): void {
    if (this.size === this.#keys.length) {
      const larger = new Float64Array(this.#keys.length * 2);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    const keys = this.#keys;
    const key = rank * this.#length + place;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[at] = keys[parent];
      at = parent;
    }
    keys[at] = key;
  }

  pop(): { rank: number; place: number } {
    const keys = this.#keys;
    const top = keys[0];
    const last = keys[--this.size];
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= last) break;
      keys[at] = keys[child];
      at = child;
    }
    keys[at] = last;
    const place = top % this.#length;
    return { rank: (top - place) / this.#length, place };
  }
}

/**
 * Whether no token of a SentencePiece vocabulary spans two words. Then words can be
 * looked up apart, with the same result: no merge ever joins them.
 */
function wordsAreApart(
  tokens: readonly (string | undefined)[],
  ids: ReadonlyMap<string, number>,
): boolean {
  if (!ids.has(SPACE_MARK)) return false;
  return tokens.every((token) => {
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
