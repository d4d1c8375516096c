/**
 * Reads and prepares rows ahead of their consumer, in order, up to a limit.
 * @module
 */
import type { DrawnHash, RowOrder } from "./row_order.ts";
import type { DrawnRow, PreparedDraw } from "./types.ts";

/** Rows that are prepared together: enough for messages not to matter. */
const RANGE = { rows: 32, characters: 2 ** 18 } as const;
/** Characters of rows that are read ahead, at most; one range is always. */
const AHEAD_CHARACTERS = 2 ** 25;

/** Rows in the queue, and their place. */
export interface Range {
  /** Rows drawn before them. */
  readonly drawn: number;
  /** Hash of the rows drawn before them. */
  readonly before: DrawnHash;
  readonly rows: readonly DrawnRow[];
}

/** How far ahead rows are prepared. */
export interface Ahead {
  readonly rows: number;
  readonly ranges: number;
}

interface Waiting {
  readonly range: Range;
  readonly characters: number;
  readonly prepared: Promise<PreparedDraw>;
}

/** The rows of an epoch from a place on, prepared ahead. Dispose of it to stop reading. */
export class RangeQueue implements Disposable {
  readonly #order: RowOrder;
  readonly #prepare: (rows: readonly DrawnRow[]) => Promise<PreparedDraw>;
  readonly #ahead: Ahead;
  readonly #waiting: Waiting[] = [];
  #rows = 0;
  #characters = 0;
  #isOver = false;
  #isEnded = false;
  #failure: { readonly error: unknown } | null = null;
  /** Wakes the reader or the consumer, whichever waits for the other. */
  #wake: () => void = () => {};

  constructor(
    order: RowOrder,
    options: {
      readonly prepare: (rows: readonly DrawnRow[]) => Promise<PreparedDraw>;
      readonly ahead: Ahead;
    },
  ) {
    this.#order = order;
    this.#prepare = options.prepare;
    this.#ahead = options.ahead;
    this.#fill();
  }

  /** The next rows, prepared; null: the epoch is over. */
  async next(): Promise<{ range: Range; prepared: PreparedDraw } | null> {
    while (this.#waiting.length === 0) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const [{ range, characters, prepared }] = this.#waiting;
    const done = await prepared;
    this.#waiting.shift();
    this.#rows -= range.rows.length;
    this.#characters -= characters;
    this.#wake();
    return { range, prepared: done };
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    this.#wake();
  }

  async #fill(): Promise<void> {
    try {
      while (!this.#isEnded) {
        if (this.#isFull) {
          await new Promise<void>((resolve) => this.#wake = resolve);
          continue;
        }
        const place = { drawn: this.#order.drawn, before: this.#order.hash };
        const rows = await this.#order.draw(RANGE);
        if (rows.length === 0) break;
        const characters = rows.reduce(
          (n, { record }) =>
            n + (typeof record.value === "string" ? record.value.length : 256),
          0,
        );
        const prepared = this.#prepare(rows);
        prepared.catch(() => {}); // the error is thrown when its turn comes
        this.#rows += rows.length;
        this.#characters += characters;
        this.#waiting.push({ range: { ...place, rows }, characters, prepared });
        this.#wake();
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#isOver = true;
    this.#wake();
  }

  get #isFull(): boolean {
    const { rows, ranges } = this.#ahead;
    const n = this.#waiting.length;
    return n > 0 && (this.#characters >= AHEAD_CHARACTERS ||
      (this.#rows >= rows && n >= ranges));
  }
}
