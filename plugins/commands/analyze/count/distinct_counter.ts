/**
 * How many different things were seen: exact up to a limit, then estimated by HyperLogLog (Flajolet and
 * others, 2007) with 2^14 registers, a standard error of 0.8%.
 * @module
 */
import { type Hash64, HashTable } from "./hash_table.ts";

const INDEX_BITS = 14;
const REGISTERS = 2 ** INDEX_BITS;

/** Up to so many different hashes are counted exactly. */
export const EXACT_DISTINCT: number = 2 ** 18;

/** A count of different hashes. */
export class DistinctCounter {
  #exact: HashTable | null = new HashTable();
  readonly #limit: number;
  readonly #registers: Uint8Array = new Uint8Array(REGISTERS);
  #total = 0;

  /** Counts exactly up to `limit`. */
  constructor(limit: number = EXACT_DISTINCT) {
    this.#limit = limit;
  }

  /** How many were added, the same ones counted again. */
  get total(): number {
    return this.#total;
  }

  /** Whether `distinct` is an estimate. */
  get estimated(): boolean {
    return this.#exact === null;
  }

  /** How many different ones were added. */
  get distinct(): number {
    return this.#exact?.size ?? Math.min(this.#total, this.#estimate());
  }

  /** Counts one. */
  add(hash: Hash64): void {
    this.#total++;
    if (this.#exact !== null) {
      this.#exact.add(hash, 0);
      if (this.#exact.size <= this.#limit) return;
      for (const entry of this.#exact.entries()) this.#register(entry);
      this.#exact = null;
      return;
    }
    this.#register(hash);
  }

  #register({ low, high }: Hash64): void {
    const index = high >>> (32 - INDEX_BITS);
    const rank = low === 0 ? 33 : Math.clz32(low) + 1;
    if (rank > this.#registers[index]) this.#registers[index] = rank;
  }

  #estimate(): number {
    let inverse = 0;
    let empty = 0;
    for (const rank of this.#registers) {
      inverse += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const alpha = 0.7213 / (1 + 1.079 / REGISTERS);
    const raw = alpha * REGISTERS * REGISTERS / inverse;
    return Math.round(
      raw <= 2.5 * REGISTERS && empty > 0
        ? REGISTERS * Math.log(REGISTERS / empty)
        : raw,
    );
  }
}
