/**
 * The hash of a set: of all ids and weights, source by source. It detects a damaged cache, and a checkpoint
 * whose data have changed.
 * @module
 */
import { createHash, type Hash } from "node:crypto";

/** Takes sources in order, and the words of their examples in pieces of any length. */
export class SetHash {
  readonly #hash: Hash = createHash("sha256");

  /** A source begins. */
  source(index: number): void {
    const mark = Int32Array.of(-1 - index); // an example begins with 0 or more
    this.words(mark);
  }

  /** Words of examples that follow. */
  words(words: Int32Array | Uint8Array): void {
    this.#hash.update(
      new Uint8Array(words.buffer, words.byteOffset, words.byteLength),
    );
  }

  /** The hash, in hexadecimal digits. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}
