/**
 * Reads a source row by row, pass after pass.
 * @module
 */
import { DataError } from "../../contracts/errors.ts";
import type { CursorPlace, StreamedRow, StreamSource } from "./types.ts";

/** What a cursor reads. */
export interface CursorInit {
  readonly source: StreamSource;
  /** Rows of a pass that are used; null: all. */
  readonly maxRows: number | null;
  readonly start: CursorPlace;
  readonly signal?: AbortSignal;
}

/** A place in a source that moves on. Dispose of it to close the file. */
export class SourceCursor implements AsyncDisposable {
  readonly #of: CursorInit;
  #rows: readonly StreamedRow[] = [];
  #at = 0;
  #row: number;
  #length: number | null;
  #pass: AsyncIterator<readonly StreamedRow[]> | null = null;
  #isAtEnd = false;

  constructor(of: CursorInit) {
    this.#of = of;
    this.#row = of.start.row;
    this.#length = of.start.length;
    if (this.#row === this.#length) this.#isAtEnd = true;
  }

  /** Its current place. */
  get place(): CursorPlace {
    return { row: this.#row, length: this.#length };
  }

  /** Whether its pass is over. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Rows of a pass; null before its end was seen. */
  get length(): number | null {
    return this.#length;
  }

  /** The next row of the pass; null where `fill` must be awaited, or the pass is over. */
  take(): StreamedRow | null {
    if (this.#at >= this.#rows.length) return null;
    this.#row++;
    return this.#rows[this.#at++];
  }

  /** Reads on, until there is a row or the pass is over. */
  async fill(): Promise<void> {
    const { source, maxRows, signal } = this.#of;
    const most = maxRows ?? Infinity;
    if (this.#pass === null) {
      this.#pass = source.pass(signal)[Symbol.asyncIterator]();
      let before = this.#row; // rows of the pass that were taken before
      while (before > 0) {
        const { done, value } = await this.#pass.next();
        if (done) {
          throw new DataError(
            `${source.name} has become shorter since the run began; restore it, or start anew with training.resume=never`,
          );
        }
        this.#rows = value;
        this.#at = Math.min(before, value.length);
        before -= this.#at;
      }
    }
    while (this.#at >= this.#rows.length && this.#row < most) {
      signal?.throwIfAborted();
      const { done, value } = await this.#pass.next();
      if (done) break;
      this.#rows = value;
      this.#at = 0;
    }
    this.#rows = this.#rows.slice(this.#at, this.#at + most - this.#row);
    this.#at = 0;
    if (this.#rows.length > 0) return;
    this.#isAtEnd = true;
    this.#length = this.#row;
    await this.#close();
    if (this.#row === 0) {
      throw new DataError(`${source.name}: there are no rows in it`);
    }
  }

  /** Begins the next pass. */
  rewind(): void {
    this.#row = 0;
    this.#isAtEnd = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#rows = [];
    this.#at = 0;
    await this.#close();
  }

  async #close(): Promise<void> {
    const pass = this.#pass;
    this.#pass = null;
    await pass?.return?.();
  }
}
