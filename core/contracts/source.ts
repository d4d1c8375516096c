/**
 * A source turns a path or a Hub id into raw records, each with the place it came from.
 * It knows files and shards; it does not know what a row means.
 * @module
 */

/** The location of a record: shown in every error about it. */
export interface Where {
  /** The file (or `rows` for rows given in memory). */
  readonly path: string;
  /** Line of the file, counted from 1, where the format has lines. */
  readonly line?: number;
  /** Index of the record within the source, counted from 0. */
  readonly index: number;
}

/** One row as stored in the file, not yet parsed into an example. */
export interface RawRecord {
  /** The parsed value: normally an object with one field per column. */
  readonly value: unknown;
  /**
   * The same value with its numbers as they were written (`NumberText`), where JavaScript would write one
   * otherwise; absent where it would write all of them so.
   */
  readonly exact?: unknown;
  /** The location of the row. */
  readonly where: Where;
}

/**
 * Rows that can be fetched by index, in any order, without holding them all in memory.
 * `at` is synchronous: an index of offsets is made once, when the source is opened.
 */
export interface RecordStore extends Disposable {
  /** Number of rows. */
  readonly length: number;
  /** Hash of the content: part of what a checkpoint records. Same bytes, same hash. */
  readonly fingerprint: string;
  /** The row at `index`. Throws `DataError` with file:line when it cannot be parsed. */
  at(index: number): RawRecord;
}

/** What a source is asked for: one entry of `data.train` or `data.eval`. */
export interface SourceRequest {
  /** Absolute path of a file. */
  readonly path: string;
  /** Folder for what must be kept on disk (indexes, unpacked archives). */
  readonly cacheDir: string;
  /** Aborts a long scan. */
  readonly signal?: AbortSignal;
}

/** Reads one kind of file. */
export interface Source {
  /** Whether this source reads the file: by name first, by its first bytes where the name says nothing. */
  accepts(file: { path: string; head: Uint8Array }): boolean;
  /** Opens the file: one pass that finds where the rows start and checks what can be checked. */
  open(request: SourceRequest): Promise<RecordStore>;
  /**
   * The rows of the file in order, some at a time, read once and without an index: memory does not grow with
   * the file. Their `value` may be what `parse` makes the rows of. Absent: the rows of `open` are taken.
   */
  stream?(request: SourceRequest): AsyncIterable<readonly RawRecord[]>;
  /**
   * Finishes a row of `stream`, on whatever thread; absent where they are finished. Throws `DataError` with
   * file:line.
   */
  parse?(row: RawRecord): RawRecord;
}
