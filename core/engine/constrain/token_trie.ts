/**
 * The vocabulary as a tree of bytes: which tokens may follow is found in one walk, and where a byte does not fit, all
 * tokens behind it are skipped at once.
 *
 * ```text
 * tokens  {"   {"a   }         depth  byte  skip to   tokens
 *                              1      7b    3         -
 *                              2      22    3         {"
 *                              3      61    3         {"a
 *                              1      7d    4         }
 * ```
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { type Automaton, DEAD, UNKNOWN } from "./automaton.ts";

/** What a tokenizer must say for its answers to be constrained. */
export type TokenBytes = Pick<
  Tokenizer,
  "vocabSize" | "isSpecial" | "bytesOf"
>;

/** The tokens of a vocabulary by their bytes, special tokens left out. */
export class TokenTrie {
  /** Words of a mask. */
  readonly words: number;
  /** Bytes of the longest token. */
  readonly longest: number;
  readonly #bytes: readonly (Uint8Array | null)[]; // (V)
  readonly #depth: Uint16Array; // (nodes)
  readonly #byte: Uint8Array; // (nodes)
  readonly #skip: Int32Array; // (nodes)
  /** Tokens that end at node n: #tokens[#first[n]] up to #first[n + 1]. */
  readonly #first: Int32Array; // (nodes + 1)
  readonly #tokens: Int32Array; // (tokens)

  /** `columns`: of the model's logits. Throws `ConfigError` for a tokenizer that does not say what its tokens are. */
  constructor({ vocabSize, isSpecial, bytesOf }: TokenBytes, columns: number) {
    if (bytesOf === undefined) {
      throw new ConfigError(
        "Answers cannot be constrained with this tokenizer: it does not say which bytes its tokens are",
      );
    }
    this.words = Math.ceil(Math.max(vocabSize, columns) / 32);
    const bytes: (Uint8Array | null)[] = [];
    const known: { readonly id: number; readonly bytes: Uint8Array }[] = [];
    for (let id = 0; id < Math.min(vocabSize, columns); id++) {
      const own = isSpecial(id) ? null : bytesOf(id);
      const usable = own === null || own.length === 0 ? null : own;
      bytes.push(usable);
      if (usable !== null) known.push({ id, bytes: usable });
    }
    known.sort((a, b) => compare(a.bytes, b.bytes) || a.id - b.id);
    const depth: number[] = [];
    const byte: number[] = [];
    const first: number[] = [];
    const tokens: number[] = [];
    const path: number[] = []; // the nodes of the token before
    const skip: number[] = [];
    let before: Uint8Array = new Uint8Array();
    const leave = (to: number) => {
      while (path.length > to) {
        const node = path.pop();
        if (node !== undefined) skip[node] = depth.length;
      }
    };
    for (const { id, bytes: own } of known) {
      let common = 0;
      while (
        common < own.length && common < before.length &&
        own[common] === before[common]
      ) common++;
      leave(common);
      for (let d = common; d < own.length; d++) {
        path.push(depth.length);
        depth.push(d + 1);
        byte.push(own[d]);
        first.push(tokens.length);
        skip.push(0);
      }
      tokens.push(id);
      before = own;
    }
    leave(0);
    first.push(tokens.length);
    this.longest = known.reduce((n, { bytes }) => Math.max(n, bytes.length), 1);
    this.#bytes = bytes;
    this.#depth = Uint16Array.from(depth);
    this.#byte = Uint8Array.from(byte);
    this.#skip = Int32Array.from(skip);
    this.#first = Int32Array.from(first);
    this.#tokens = Int32Array.from(tokens);
  }

  /** Bytes of a token; null: it is none that text has. */
  bytesOf(id: number): Uint8Array | null {
    return this.#bytes[id] ?? null;
  }

  /** A bit for each token that may come in a state; the bits of others are 0. */
  mask(automaton: Automaton, state: number): Int32Array {
    const mask = new Int32Array(this.words);
    const [depth, byte, skip] = [this.#depth, this.#byte, this.#skip];
    const first = this.#first;
    const known: Int32Array[] = [automaton.known(state)]; // by depth
    const states: number[] = [state];
    for (let node = 0; node < byte.length;) {
      const d = depth[node];
      let next = known[d - 1][byte[node]];
      if (next === UNKNOWN) next = automaton.next(states[d - 1], byte[node]);
      if (next === DEAD) {
        node = skip[node];
        continue;
      }
      if (states[d] !== next) {
        states[d] = next;
        known[d] = automaton.known(next);
      }
      for (let t = first[node]; t < first[node + 1]; t++) {
        const id = this.#tokens[t];
        mask[id >>> 5] |= 1 << (id & 31);
      }
      node++;
    }
    return mask;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}
