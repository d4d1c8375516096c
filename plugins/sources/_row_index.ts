/**
 * Where each row of a file is: byte offset, byte length, line. 12 bytes a row, and nothing for
 * the lines of a file that has one row a line.
 * @module
 */
import { NumberList } from "@denotune/denotune/core";

/** Places of rows, in order. */
export class RowIndex {
  readonly #starts = new NumberList("float64");
  readonly #lengths = new NumberList("uint32");
  // Row r is on line r + 1 + skew, with the skew of the last entry whose row is <= r.
  readonly #skewRows = new NumberList("uint32");
  readonly #skews = new NumberList("float64");

  /** Number of rows. */
  get length(): number {
    return this.#starts.length;
  }

  /** Adds the next row. `line` is counted from 1. */
  push(start: number, byteLength: number, line: number): void {
    const row = this.#starts.length;
    const skew = line - row - 1;
    const last = this.#skews.length === 0
      ? 0
      : this.#skews.at(this.#skews.length - 1);
    if (skew !== last) {
      this.#skewRows.push(row);
      this.#skews.push(skew);
    }
    this.#starts.push(start);
    this.#lengths.push(byteLength);
  }

  /** Byte offset and length of a row. */
  place(row: number): { start: number; byteLength: number } {
    return { start: this.#starts.at(row), byteLength: this.#lengths.at(row) };
  }

  /** Line on which the row starts, from 1. */
  line(row: number): number {
    let low = 0;
    let high = this.#skewRows.length; // first entry whose row is > row
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#skewRows.at(middle) <= row) low = middle + 1;
      else high = middle;
    }
    return row + 1 + (low === 0 ? 0 : this.#skews.at(low - 1));
  }
}
