/**
 * A table from pairs of numbers to a number, for hundreds of thousands of them: merges of BPE, edges of a trie.
 * @module
 */

/** Pairs (a, b) -> value; all of them whole numbers from 0. */
export class PairTable {
  /** (a, b, value, nothing) of each place side by side: a look-up meets one line of the cache. `a` is -1 where free. */
  #places: Int32Array;
  #capacity = 16;
  #size = 0;

  /** `expected`: about how many pairs there will be. */
  constructor(expected: number) {
    while (this.#capacity < expected * 2) this.#capacity *= 2;
    this.#places = new Int32Array(4 * this.#capacity).fill(-1);
  }

  /** The value of a pair, or -1. */
  get(a: number, b: number): number {
    return this.#places[this.#find(a, b) + 2]; // -1 where it is free
  }

  /** Sets the value of a pair, in place of one that it had. */
  set(a: number, b: number, value: number): void {
    if (this.#size * 2 >= this.#capacity) this.#grow();
    const at = this.#find(a, b);
    if (this.#places[at] === -1) this.#size++;
    this.#places[at] = a;
    this.#places[at + 1] = b;
    this.#places[at + 2] = value;
  }

  /** Where a pair is, or the free place where it would be. */
  #find(a: number, b: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let at = ((hash ^ (hash >>> 13)) << 2) & mask;
    while (places[at] !== -1 && (places[at] !== a || places[at + 1] !== b)) {
      at = (at + 4) & mask;
    }
    return at;
  }

  #grow(): void {
    const old = this.#places;
    this.#capacity *= 2;
    this.#places = new Int32Array(4 * this.#capacity).fill(-1);
    this.#size = 0;
    for (let at = 0; at < old.length; at += 4) {
      if (old[at] !== -1) this.set(old[at], old[at + 1], old[at + 2]);
    }
  }
}
