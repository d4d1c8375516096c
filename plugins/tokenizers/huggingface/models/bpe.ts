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
  const { ranks, merged } = readMerges(section, { ids, prefix });
  const byteId = byteTokens(ids);
  const unkId = unkToken === null ? undefined : ids.get(unkToken);
  const encoder = new TextEncoder();

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
      return mergeAll(characters(piece), { ranks, merged });
    },
  };
}

interface Merges {
  /** (left, right) -> rank. */
  readonly ranks: PairTable;
  /** Rank -> the token that both become. */
  readonly merged: Int32Array;
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
    const [left, right, ...more] = typeof merge === "string"
      ? merge.split(" ")
      : Array.isArray(merge)
      ? merge
      : [];
    if (
      typeof left !== "string" || typeof right !== "string" || more.length > 0
    ) {
      section.refuse(`merges[${rank}] is not two tokens`);
    }
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
  return { ranks, merged };
}

/** Up to so many tokens all pairs are looked at for each merge; beyond, a heap holds the candidates. */
const SHORT = 48;

function mergeAll(tokens: PieceTokens, merges: Merges): PieceTokens {
  if (tokens.ids.length < 2) return tokens;
  return tokens.ids.length <= SHORT
    ? mergeShort(tokens, merges)
    : mergeLong(tokens, merges);
}

function mergeShort(
  { ids, starts, ends }: PieceTokens,
  { ranks, merged }: Merges,
): PieceTokens {
  const rankAt = ids.map((id, i) =>
    i + 1 < ids.length ? ranks.get(id, ids[i + 1]) : -1
  );
  while (true) {
    let best = -1;
    for (let i = 0; i + 1 < ids.length; i++) {
      const rank = rankAt[i];
      if (rank >= 0 && (best < 0 || rank < rankAt[best])) best = i;
    }
    if (best < 0) return { ids, starts, ends };
    ids[best] = merged[rankAt[best]];
    ends[best] = ends[best + 1];
    for (const list of [ids, starts, ends, rankAt]) list.splice(best + 1, 1);
    rankAt[best] = best + 1 < ids.length
      ? ranks.get(ids[best], ids[best + 1])
      : -1;
    if (best > 0) rankAt[best - 1] = ranks.get(ids[best - 1], ids[best]);
  }
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
