/**
 * The examples of an epoch in order, with the place of each: a resumed run begins to read there.
 * @module
 */
import { createHash } from "node:crypto";
import type { Statistics, StatisticsData } from "../statistics.ts";
import type { Range, RangeQueue } from "./range_queue.ts";
import type {
  BlockPlace,
  DrawnRow,
  PreparedDraw,
  TokenSample,
  UsedRows,
} from "./types.ts";

/** An example, packed. */
export interface StreamedExample {
  /** As `unpackExample` takes them. */
  readonly words: Int32Array;
  /** Tokens. */
  readonly length: number;
  /** The row that it is made of. */
  readonly row: DrawnRow;
  /** Which of the row's examples it is, counted from 0. */
  readonly piece: number;
}

interface OpenRange {
  readonly range: Range;
  readonly prepared: PreparedDraw;
  /** Counts of all rows before it. */
  readonly counts: StatisticsData;
  at: number;
  /** Of the next example's words. */
  offset: number;
}

/** Takes examples from a queue, one after the other. */
export class EpochExamples implements Disposable {
  readonly #queue: RangeQueue;
  readonly #statistics: Statistics;
  readonly #accept: (range: Range, prepared: PreparedDraw) => void;
  #skip: number;
  #open: OpenRange | null = null;
  /** Of the examples taken, as far as it was asked for. */
  #used: UsedRows;

  /** `accept` receives rows, in order, before their examples are returned; it may throw. */
  constructor(
    queue: RangeQueue,
    options: {
      readonly skip: number;
      /** Rows that were used when the run was stopped. */
      readonly used: UsedRows;
      /** Counts so far; `accept` adds to them. */
      readonly statistics: Statistics;
      readonly accept: (range: Range, prepared: PreparedDraw) => void;
    },
  ) {
    this.#queue = queue;
    this.#skip = options.skip;
    this.#used = options.used;
    this.#statistics = options.statistics;
    this.#accept = options.accept;
  }

  /** Waits for an example; false: the epoch has no more. */
  async more(): Promise<boolean> {
    for (;;) {
      const open = this.#open;
      if (open !== null && open.at < open.prepared.rows.length) return true;
      const next = await this.#queue.next();
      if (next === null) return false;
      this.used();
      const counts = structuredClone({ ...this.#statistics });
      this.#accept(next.range, next.prepared);
      this.#open = { ...next, counts, at: 0, offset: 0 };
      const { length } = next.prepared.rows;
      for (; this.#skip > 0 && this.#open.at < length; this.#skip--) {
        this.take();
      }
    }
  }

  /** Where the next example begins; call it when `more` was true. */
  place(): Pick<BlockPlace, "drawn" | "skip" | "counts"> {
    const { range: { drawn }, at, counts } = this.#current();
    return { drawn, skip: at, counts };
  }

  /** The rows of all examples that were taken. */
  used(): UsedRows {
    if (this.#open === null) return this.#used;
    const { range: { drawn, before, rows }, prepared, at } = this.#open;
    const count = at === 0 ? 0 : prepared.rows[at - 1] + 1;
    if (drawn + count === this.#used.rows) return this.#used;
    const hash = before.copy();
    for (let i = 0; i < count; i++) hash.add(rows[i]);
    const tokens = drawn === 0
      ? sampleTokens(prepared, count)
      : this.#used.tokens;
    this.#used = { rows: drawn + count, hash: hash.digest(), tokens };
    return this.#used;
  }

  /** The next example; call it when `more` was true. */
  take(): StreamedExample {
    const open = this.#current();
    const { packed: { words, sizes, lengths }, rows } = open.prepared;
    const { at, offset } = open;
    let first = at; // the examples of a row stand side by side
    while (first > 0 && rows[first - 1] === rows[at]) first--;
    open.at++;
    open.offset += sizes[at];
    return {
      words: words.subarray(offset, open.offset),
      length: lengths[at],
      row: open.range.rows[rows[at]],
      piece: at - first,
    };
  }

  [Symbol.dispose](): void {
    this.#queue[Symbol.dispose]();
  }

  #current(): OpenRange {
    if (this.#open === null) throw new RangeError("There is no example");
    return this.#open;
  }
}

/** The tokens of the first so many rows of a range. */
export function sampleTokens(
  { packed: { words, sizes }, rows: madeOf }: PreparedDraw,
  rows: number,
): TokenSample {
  const hash = createHash("sha256");
  let end = 0;
  for (let i = 0; i < madeOf.length && madeOf[i] < rows; i++) {
    hash.update(`${madeOf[i]} ${sizes[i]}\n`);
    end += sizes[i];
  }
  const { buffer, byteOffset } = words;
  hash.update(
    new Uint8Array(buffer, byteOffset, end * words.BYTES_PER_ELEMENT),
  );
  return { rows, hash: hash.digest("hex") };
}
