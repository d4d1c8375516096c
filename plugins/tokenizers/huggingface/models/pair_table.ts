/**
 * A table from pairs of numbers to a number, for hundreds of thousands of them: merges of BPE, edges of a trie.
 * @module
 */

/** Pairs (a, b) -> value; all of them whole numbers from 0. */
export class PairTable {
  #a: Int32Array;
  #b: Int32Array;
  #value: Int32Array;
  #size = 0;

  /** `expected`: about how many pairs there will be. */
  constructor(expected: number) {
    let capacity = 16;
    while (capacity < expected * 2) capacity *= 2;
    this.#a = new Int32Array(capacity).fill(-1);
    this.#b = new Int32Array(capacity);
    this.#value = new Int32Array(capacity);
  }

  /** The value of a pair, or -1. */
  get(a: number, b: number): number {
    const at = this.#find(a, b);
    return this.#a[at] === -1 ? -1 : this.#value[at];
  }

  /** Sets the value of a pair, in place of one that it had. */
  set(a: number, b: number, value: number): void {
    if (this.#size * 2 >= this.#a.length) this.#grow();
    const at = this.#find(a, b);
    if (this.#a[at] === -1) this.#size++;
    this.#a[at] = a;
    this.#b[at] = b;
    this.#value[at] = value;
  }

  /** Where a pair is, or the free place where it would be. */
  #find(a: number, b: number): number {
    const mask = this.#a.length - 1;
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let at = (hash ^ (hash >>> 13)) & mask;
    while (this.#a[at] !== -1 && (this.#a[at] !== a || this.#b[at] !== b)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  #grow(): void {
    const [a, b, value] = [this.#a, this.#b, this.#value];
    this.#a = new Int32Array(a.length * 2).fill(-1);
    this.#b = new Int32Array(a.length * 2);
    this.#value = new Int32Array(a.length * 2);
    this.#size = 0;
    for (let i = 0; i < a.length; i++) {
      if (a[i] !== -1) this.set(a[i], b[i], value[i]);
    }
  }
}
