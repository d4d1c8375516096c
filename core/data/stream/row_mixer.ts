/**
 * The rows of all sources in one order, before they are shuffled: one source after the other, or mixed by
 * their shares as an indexed set mixes them (`epoch_order`).
 *
 * The length of a source becomes known when its first pass ends. With shares, an epoch resumes where the one
 * before it ended, so that every row of a source comes before any comes again.
 * @module
 */
import { Interleaver } from "../prepared/epoch_order.ts";
import type { Stopping } from "../types.ts";
import type { SourceCursor } from "./source_cursor.ts";
import type { DrawnRow } from "./types.ts";

/** What the order depends on, besides the rows. */
export interface MixerOptions {
  /** Share of each source in the rows; null: one source after the other. */
  readonly shares: readonly number[] | null;
  /** Passes over each in an epoch; null: one without shares, else any number. */
  readonly passes: readonly (number | null)[];
  readonly stopping: Stopping;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly epoch: number;
}

/** Rows of one epoch. */
export class RowMixer {
  readonly #cursors: readonly SourceCursor[];
  readonly #options: MixerOptions;
  readonly #interleaver: Interleaver | null;
  readonly #taken: number[];
  readonly #isExhausted: boolean[];
  #current = 0;
  #isOver = false;

  constructor(cursors: readonly SourceCursor[], options: MixerOptions) {
    this.#cursors = cursors;
    this.#options = options;
    this.#interleaver = options.shares === null
      ? null
      : new Interleaver(options.shares, options);
    this.#taken = cursors.map(() => 0);
    this.#isExhausted = cursors.map(() => false);
    if (this.#interleaver !== null) this.#current = this.#interleaver.next();
  }

  /** Whether there is no more row. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The next row; null where `fill` must be awaited, or there is none. */
  take(): DrawnRow | null {
    while (!this.#isOver) {
      const cursor = this.#cursors[this.#current];
      if (this.#isDone(cursor)) {
        this.#leave();
        continue;
      }
      if (cursor.isAtEnd) cursor.rewind();
      const row = cursor.take();
      if (row === null) return null;
      const source = this.#current;
      this.#taken[source]++;
      if (this.#interleaver !== null) {
        this.#interleaver.took(source);
        this.#current = this.#interleaver.next();
      }
      return { record: row.record, path: row.path, source };
    }
    return null;
  }

  /** Reads what `take` waits for. */
  async fill(): Promise<void> {
    if (!this.#isOver) await this.#cursors[this.#current].fill();
  }

  /** Whether the current source gives no more rows in this epoch. */
  #isDone(cursor: SourceCursor): boolean {
    const { shares, passes, stopping } = this.#options;
    const source = this.#current;
    const { length } = cursor;
    if (length === null) return false;
    if (this.#taken[source] < length * (passes[source] ?? 1)) return false;
    if (shares === null || stopping === "first_exhausted") return true;
    this.#isExhausted[source] = true;
    return passes[source] !== null || this.#isExhausted.every((done) => done);
  }

  /** Switches to another source, or ends the epoch. */
  #leave(): void {
    const { stopping } = this.#options;
    if (this.#interleaver === null) {
      this.#current++;
      this.#isOver = this.#current === this.#cursors.length;
    } else if (
      stopping === "first_exhausted" || this.#isExhausted.every((done) => done)
    ) {
      this.#isOver = true;
    } else {
      this.#interleaver.end(this.#current);
      this.#current = this.#interleaver.next();
    }
  }
}
