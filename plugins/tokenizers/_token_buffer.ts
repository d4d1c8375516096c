/**
 * A growing list of tokens with their spans, reused from text to text.
 * @module
 */
import type { Encoding } from "@denotune/denotune/core";

/** Collects the tokens of one text. */
export class TokenBuffer {
  #ids = new Int32Array(1024);
  #starts = new Int32Array(1024);
  #ends = new Int32Array(1024);
  #length = 0;

  /** Forgets all tokens. */
  clear(): void {
    this.#length = 0;
  }

  /** Adds a token that covers `[start, end)` of the text. */
  push(id: number, start: number, end: number): void {
    if (this.#length === this.#ids.length) this.#grow();
    this.#ids[this.#length] = id;
    this.#starts[this.#length] = start;
    this.#ends[this.#length++] = end;
  }

  /** A copy of what was collected. */
  encoding(): Encoding {
    return {
      ids: this.#ids.slice(0, this.#length),
      starts: this.#starts.slice(0, this.#length),
      ends: this.#ends.slice(0, this.#length),
    };
  }

  #grow(): void {
    const wider = (values: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(values.length * 2);
      grown.set(values);
      return grown;
    };
    this.#ids = wider(this.#ids);
    this.#starts = wider(this.#starts);
    this.#ends = wider(this.#ends);
  }
}
