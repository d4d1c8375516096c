/**
 * How often texts start alike.
 * @module
 */
import { HashTable, hashText } from "./hash_table.ts";
import { openingOf } from "./turns.ts";

/** An opening seen too often. */
export interface RepeatedOpening {
  readonly opening: string;
  readonly count: number;
  /** The row where it was seen first. */
  readonly first: number;
}

/** Counts openings; the text is kept only of those that are repetitive. */
export class Openings {
  readonly #table = new HashTable();
  readonly #repeated = new Map<string, number>(); // first row
  readonly #length: number;
  readonly #moreThan: number;

  /** Openings of `length` characters are repetitive when seen more than `moreThan` times. */
  constructor({ length, moreThan }: { length: number; moreThan: number }) {
    this.#length = length;
    this.#moreThan = moreThan;
  }

  /** Counts the opening of a text of `row`. */
  add(text: string, row: number): void {
    const opening = openingOf(text, this.#length);
    const { count, first } = this.#table.add(hashText(opening), row);
    if (count === this.#moreThan + 1) this.#repeated.set(opening, first);
  }

  /** The repetitive openings, most frequent first. */
  repeated(): RepeatedOpening[] {
    return [...this.#repeated].map(([opening, first]) => ({
      opening,
      count: this.#table.get(hashText(opening))?.count ?? 0,
      first,
    })).sort((a, b) => b.count - a.count || a.first - b.first);
  }
}
