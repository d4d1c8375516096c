/**
 * Texts as 64-bit hashes, and counts by hash in typed arrays: what has been seen, how often, and in which
 * row first. 16 bytes a slot, at most two thirds of them full, so millions of rows fit.
 *
 * Two of a million different texts share a hash with a probability of 3 in 100 million.
 * @module
 */
import { mix32 } from "@denotune/denotune/core";

/** A 64-bit hash as two unsigned halves. */
export interface Hash64 {
  readonly low: number;
  readonly high: number;
}

/** The hash of a text's UTF-16 units. */
export function hashText(text: string): Hash64 {
  let low = 0x811c9dc5 ^ text.length;
  let high = 0x9e3779b9 + text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    low ^= low >>> 15; // else high bits never reach low ones
    high = Math.imul(high ^ unit, 0x85ebca6b);
    high ^= high >>> 13;
  }
  return { low: mix32(low ^ mix32(high)), high: mix32(high) };
}

/** The hash of a sequence of hashes; the order matters. */
export function joinHashes(hashes: readonly Hash64[]): Hash64 {
  let low = hashes.length;
  let high = ~hashes.length;
  for (const hash of hashes) {
    low = mix32(Math.imul(low, 0x9e3779b9) + hash.low | 0);
    high = mix32(Math.imul(high, 0x85ebca6b) + hash.high | 0);
  }
  return { low, high };
}

/** What is known of a hash. */
export interface Seen {
  /** How often it was added. */
  readonly count: number;
  /** The row that it was first added with. */
  readonly first: number;
}

/** Counts by hash. */
export class HashTable {
  #slots = 1024; // a power of two
  #low: Uint32Array = new Uint32Array(this.#slots);
  #high: Uint32Array = new Uint32Array(this.#slots);
  #count: Uint32Array = new Uint32Array(this.#slots); // 0: an empty slot
  #first: Uint32Array = new Uint32Array(this.#slots);
  #size = 0;

  /** Number of different hashes. */
  get size(): number {
    return this.#size;
  }

  /** Counts a hash once more and says what is known of it now. */
  add(hash: Hash64, row: number): Seen {
    if (3 * (this.#size + 1) > 2 * this.#slots) this.#grow();
    const slot = this.#slotOf(hash);
    if (this.#count[slot] === 0) {
      this.#low[slot] = hash.low;
      this.#high[slot] = hash.high;
      this.#first[slot] = row;
      this.#size++;
    }
    return { count: ++this.#count[slot], first: this.#first[slot] };
  }

  /** What is known of a hash; null where it was never added. */
  get(hash: Hash64): Seen | null {
    const slot = this.#slotOf(hash);
    const count = this.#count[slot];
    return count === 0 ? null : { count, first: this.#first[slot] };
  }

  /** Every hash. */
  *entries(): Generator<Hash64 & Seen> {
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.#count[slot] === 0) continue;
      yield {
        low: this.#low[slot],
        high: this.#high[slot],
        count: this.#count[slot],
        first: this.#first[slot],
      };
    }
  }

  #slotOf({ low, high }: Hash64): number {
    const mask = this.#slots - 1;
    let slot = low & mask;
    while (
      this.#count[slot] !== 0 &&
      (this.#low[slot] !== low || this.#high[slot] !== high)
    ) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [lows, highs, counts, firsts] = [
      this.#low,
      this.#high,
      this.#count,
      this.#first,
    ];
    this.#slots *= 2;
    this.#low = new Uint32Array(this.#slots);
    this.#high = new Uint32Array(this.#slots);
    this.#count = new Uint32Array(this.#slots);
    this.#first = new Uint32Array(this.#slots);
    for (let old = 0; old < counts.length; old++) {
      if (counts[old] === 0) continue;
      const slot = this.#slotOf({ low: lows[old], high: highs[old] });
      this.#low[slot] = lows[old];
      this.#high[slot] = highs[old];
      this.#count[slot] = counts[old];
      this.#first[slot] = firsts[old];
    }
  }
}
