/**
 * Rows on their way to examples: one by one, or many at once where a part runs in another process. Then each row is
 * built as far as the first answer that it lacks, the calls of all rows are made together, and each row is built
 * again with what is known: parts are called once for each row, in the same order as one by one. The other process
 * works on the calls of the next rows meanwhile.
 *
 * ```text
 * row 0   parse ─► render ─► encode ─► weights?          weights of the rows 0 to 2 are asked for together
 * row 1   parse ─► render ─► encode ─► weights?          ──►
 * row 2   parse ─► render ─► encode ─► weights?
 * row 3   parse ─► render ─► encode ─► weights?          weights of the rows 3 to 5 are asked for, not waited for
 * ...
 * row 0   (known)  (known)   (known)   (answer) ─► weights of tokens, truncation
 * ```
 * @module
 */
import type { RawRecord } from "../../contracts/source.ts";
import {
  buildExamples,
  type Built,
  NOT_YET,
  parseRecord,
} from "../examples/build_examples.ts";
import { isOnSide } from "../content_hash.ts";
import { ReplayedParts } from "./replayed_parts.ts";
import { RowCalls, sendAll } from "./row_calls.ts";
import { isBatched, type RowPipeline } from "./row_pipeline.ts";

/** A row to be built. */
export interface RowToBuild {
  /** What it is built with. */
  readonly pipeline: RowPipeline;
  /** Reads it. Throws what is wrong with it. */
  read(): RawRecord;
}

/** Gives what a row was built into, null for one of the other side of `eval_fraction`. Throws what is wrong with it. */
export type BuildRow = () => Built | null;

/** Rows that are built at once where a part runs in another process. */
export const BATCH_ROWS = 128;

/** Rows of a source, read by `at`, each built when it is asked for, in order. */
export class RowSequence {
  readonly #pipeline: RowPipeline;
  readonly #at: (index: number) => RawRecord;
  readonly #to: number;
  #next: number;
  /** Rows that are built now, from {@linkcode RowSequence.next} on. */
  #builders: BuildRow[] = [];
  /** Those behind them, whose calls are out. */
  #ahead: RowBatch | null = null;

  /** Of the rows `from` to before `to`. */
  constructor(
    pipeline: RowPipeline,
    { from, to, at }: {
      readonly from: number;
      readonly to: number;
      at(index: number): RawRecord;
    },
  ) {
    this.#pipeline = pipeline;
    this.#at = at;
    this.#to = to;
    this.#next = from;
  }

  /** Index of the row that is built next. */
  get next(): number {
    return this.#next;
  }

  /** Whether nothing has been done for the next row that would be done again without this sequence. */
  get isBetween(): boolean {
    return this.#builders.length === 0;
  }

  /** Builds the next row; null for one of the other side of `eval_fraction`. Throws what is wrong with it. */
  build(): Built | null {
    if (this.#builders.length === 0) this.#fill();
    this.#next++;
    const build = this.#builders.shift();
    if (build === undefined) throw new RangeError("There are no more rows");
    return build();
  }

  #fill(): void {
    if (!isBatched(this.#pipeline)) {
      const raw = this.#next;
      this.#builders = [() => build(this.#at(raw), this.#pipeline)];
      return;
    }
    const batch = this.#ahead ?? this.#batch(this.#next);
    batch?.send();
    const after = this.#next + (batch?.size ?? 0);
    this.#ahead = this.#batch(after);
    this.#builders = batch?.builders() ?? [];
    try {
      // before the next is sent: a process works on one message at a time
      batch?.receive();
    } catch (error) {
      this.#builders = this.#builders.map(() => () => {
        throw error;
      });
    }
    this.#ahead?.send();
  }

  #batch(from: number): RowBatch | null {
    const to = Math.min(this.#to, from + BATCH_ROWS);
    if (from >= to) return null;
    const batch = new RowBatch(
      Array.from({ length: to - from }, (_, i) => ({
        pipeline: this.#pipeline,
        read: () => this.#at(from + i),
      })),
    );
    batch.begin();
    return batch;
  }
}

/** How each row is built; many at once where that pays. Nothing is done for a row that nobody builds. */
export function rowBuilders(rows: readonly RowToBuild[]): BuildRow[] {
  if (!rows.some(({ pipeline }) => isBatched(pipeline))) {
    return rows.map(({ pipeline, read }) => () => build(read(), pipeline));
  }
  return new RowBatch(rows).builders();
}

function build(raw: RawRecord, pipeline: RowPipeline): Built | null {
  const { format, options, side } = pipeline;
  const example = parseRecord(raw, format);
  return isOnSide(example, side, options)
    ? buildExamples(example, raw, pipeline)
    : null;
}

/** A row of a batch. */
interface BatchRow {
  readonly raw: RawRecord;
  readonly pipeline: RowPipeline;
  readonly calls: RowCalls;
}

/**
 * Rows that are built when they are asked for, in order. A row that lacks an answer is asked for together with those
 * behind it; what is built of a row is not kept longer than it takes, for the collector's sake.
 */
class RowBatch {
  readonly #rows: readonly RowToBuild[];
  /** What is known of each row; a result where it is built already. Empty until the first is asked for. */
  readonly #known: (BatchRow | BuildRow | null)[] = [];
  #now = new RowCalls();
  readonly #replayed = new ReplayedParts(() => this.#now);
  /** Whether a chain has ended a process: calls are made alone then, until it is known which it was. */
  #isAlone = false;
  /** Rows whose calls are not sent yet. */
  #waiting: BatchRow[] = [];
  /** Waits for the calls that were sent. */
  #sent: (() => boolean) | null = null;

  constructor(rows: readonly RowToBuild[]) {
    this.#rows = rows;
  }

  /** How many rows there are. */
  get size(): number {
    return this.#rows.length;
  }

  /** How each is built. */
  builders(): BuildRow[] {
    return this.#rows.map((_, i) => () => this.#build(i));
  }

  /** Builds each row as far as the first answer that it lacks. */
  begin(): void {
    this.#read();
    this.#wait(0);
  }

  /** Sends the calls that rows wait for. */
  send(): void {
    if (this.#waiting.length === 0) return;
    this.#sent = sendAll(this.#waiting, this.#isAlone);
    this.#waiting = [];
  }

  /** Waits for the answers of those that were sent. */
  receive(): void {
    const sent = this.#sent;
    this.#sent = null;
    if (sent !== null) this.#isAlone = sent();
  }

  /** Builds a row; one behind a row whose call ended a process may have no answer. */
  #build(index: number): Built | null {
    if (this.#known.length === 0) this.#read();
    const row = this.#known[index];
    this.#known[index] = null;
    if (row === null) throw new Error("A row is built once");
    if (typeof row === "function") return row();
    for (;;) {
      const result = this.#attempt(row);
      if (result !== null) return result();
      this.#wait(index + 1, [row]);
      this.send();
      this.receive();
      if (row.calls.waiting !== null) {
        throw new Error("A row behind one that failed was not built");
      }
    }
  }

  #read(): void {
    const pipelines = new Map<RowPipeline, RowPipeline>();
    for (const { read, pipeline } of this.#rows) {
      try {
        const known = pipelines.get(pipeline) ?? this.#replayed.of(pipeline);
        pipelines.set(pipeline, known);
        const calls = new RowCalls();
        this.#known.push({ raw: read(), pipeline: known, calls });
      } catch (error) {
        this.#known.push(() => {
          throw error;
        });
      }
    }
  }

  /** Finds the rows from one on, besides others, that wait for an answer. */
  #wait(from: number, others: readonly BatchRow[] = []): void {
    this.#waiting = [...others];
    for (let i = from; i < this.#known.length; i++) {
      const row = this.#known[i];
      if (row === null || typeof row === "function") continue;
      const result = this.#attempt(row);
      if (result === null) this.#waiting.push(row);
      else this.#known[i] = result;
    }
  }

  /** What the row is built into, or what is wrong with it; null where it waits for an answer. */
  #attempt({ raw, pipeline, calls }: BatchRow): BuildRow | null {
    this.#now = calls;
    calls.begin();
    try {
      const built = build(raw, pipeline);
      return () => built;
    } catch (error) {
      if (error === NOT_YET) return null;
      return () => {
        throw error;
      };
    }
  }
}
