/**
 * A growing list of numbers in typed chunks: it never copies what it holds, so growing costs no peak.
 * @module
 */

const CHUNK = 65536;

/** How the numbers are stored: 8 bytes each, or 4. */
export type NumberKind = "float64" | "uint32";

/** Numbers by index; `float64` holds every integer below 2^53, `uint32` those below 2^32. */
export class NumberList {
  readonly #kind: NumberKind;
  readonly #chunks: (Float64Array | Uint32Array)[] = [];
  #length = 0;

  /** An empty list. */
  constructor(kind: NumberKind) {
    this.#kind = kind;
  }

  /** How many numbers it holds. */
  get length(): number {
    return this.#length;
  }

  /** Adds a number at the end. */
  push(value: number): void {
    const at = this.#length % CHUNK;
    if (at === 0) {
      this.#chunks.push(
        this.#kind === "float64"
          ? new Float64Array(CHUNK)
          : new Uint32Array(CHUNK),
      );
    }
    this.#chunks[this.#chunks.length - 1][at] = value;
    this.#length++;
  }

  /** The number at `index`. Throws `RangeError` outside of `[0, length)`. */
  at(index: number): number {
    if (!(index >= 0 && index < this.#length)) {
      throw new RangeError(`Cannot read number ${index} of ${this.#length}`);
    }
    return this.#chunks[Math.floor(index / CHUNK)][index % CHUNK];
  }
}
