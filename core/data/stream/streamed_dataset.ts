/**
 * Batches of rows that are read once, in the order of their files: nothing is indexed, and nothing but the
 * buffer and what is prepared ahead is held. Every step is a function of (seed, epoch, step) and the rows,
 * for any number of workers and any order in which they finish.
 * @module
 */
import { createHash } from "node:crypto";
import type {
  Batch,
  Collator,
  CollatorLimits,
  WeightedExample,
} from "../../contracts/collator.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../contracts/errors.ts";
import { hash32 } from "../../random.ts";
import { unpackExample } from "../prepared/packed_examples.ts";
import { widthOf } from "../prepared/prepared_dataset.ts";
import { noticesOf } from "../report.ts";
import type { TrainingData, TrainingStep } from "../training_data.ts";
import type { DataOptions } from "../types.ts";
import type { DrawPreparer } from "./draw_preparer.ts";
import { EpochExamples, sampleTokens } from "./epoch_examples.ts";
import { EpochRows, type StreamedRowOfBatch, windowOf } from "./epoch_rows.ts";
import {
  type DrawPipeline,
  inspectDrawn,
  type InspectedDraw,
} from "./prepare_draw.ts";
import { RangeQueue } from "./range_queue.ts";
import { drawAgain, sizeChanges, type StreamChange } from "./resumed_stream.ts";
import { RowMixer } from "./row_mixer.ts";
import { DrawnHash, RowOrder } from "./row_order.ts";
import type { RunningChecks } from "./running_checks.ts";
import { SourceCursor } from "./source_cursor.ts";
import type {
  CursorPlace,
  StreamPosition,
  StreamSource,
  UsedRows,
} from "./types.ts";

/** Steps whose rows are prepared ahead. */
const STEPS_AHEAD = 8;

/** No row of an epoch is used yet. */
const UNUSED: UsedRows = {
  rows: 0,
  hash: new DrawnHash().digest(),
  tokens: { rows: 0, hash: "" },
};
/** Where the first block of an epoch begins. */
const BEGINNING = { skip: 0, block: 0, firstRow: 0, used: UNUSED };

/** One source of a stream. */
export interface StreamedSource {
  readonly stream: StreamSource;
  /** How reports name it. */
  readonly name: string;
  /** Rows of a pass that are used; null: all. */
  readonly maxRows: number | null;
  /** Passes in an epoch; null: one without shares, else any number. */
  readonly passes: number | null;
}

/** What a stream is made of. */
export interface StreamedInit {
  readonly sources: readonly StreamedSource[];
  /** Share of each source, or null. */
  readonly shares: readonly number[] | null;
  readonly tokenizer: Tokenizer;
  readonly collator: Collator;
  readonly options: DataOptions;
  /** Rows of the shuffle buffer. */
  readonly buffer: number;
  /** How the rows of each source are made into examples. */
  readonly pipelines: readonly DrawPipeline[];
  readonly preparer: DrawPreparer;
  readonly checks: RunningChecks;
  /** Fingerprint of the first rows of each source. */
  readonly first: string;
  readonly signal?: AbortSignal;
}

interface Epoch {
  readonly epoch: number;
  readonly start: readonly CursorPlace[];
  readonly cursors: readonly SourceCursor[];
  readonly order: RowOrder;
  /** Null until the place where it begins is found. */
  rows: EpochRows | null;
}

/** Training data that are read as they are needed. Dispose of it to close files and end workers. */
export class StreamedDataset implements TrainingData, Disposable {
  readonly sourceNames: readonly string[];
  readonly fingerprint: string;
  readonly #of: StreamedInit;
  readonly #onAbort: () => void;
  /** Ends the wait that there is. */
  #abort: (reason: unknown) => void = () => {};
  #epoch: Epoch | null = null;
  #position: StreamPosition | null = null;
  #last: readonly (readonly StreamedRowOfBatch[])[] = [];

  constructor(of: StreamedInit) {
    this.#of = of;
    this.sourceNames = of.sources.map((source) => source.name);
    this.fingerprint = createHash("sha256").update(JSON.stringify([
      of.buffer,
      of.shares,
      of.sources.map(({ maxRows, passes }) => [maxRows, passes]),
    ])).digest("hex");
    this.#onAbort = () => this.#abort(of.signal?.reason);
    of.signal?.addEventListener("abort", this.#onAbort);
  }

  /** Tokens of the longest row allowed: how long rows are is not known. */
  get widest(): number {
    const { options, collator } = this.#of;
    return widthOf(options.max_length, collator, this.#limits(0, 0));
  }

  stepsInEpoch(): null {
    return null;
  }

  position(): StreamPosition | null {
    return this.#position;
  }

  closingNotices(): readonly string[] {
    const { checks: { statistics }, options } = this.#of;
    const sum = (key: "examples" | "tokens" | "trainedTokens") =>
      statistics.sources.reduce((n, source) => n + source[key], 0);
    return [
      `Streamed ${statistics.rows} rows: ${sum("examples")} examples, ${
        sum("tokens")
      } tokens, ${sum("trainedTokens")} of them trained.`,
      ...noticesOf(statistics, options),
    ];
  }

  /**
   * Resumes at the position of an earlier run: its rows are read again, and but for a few not tokenized. The data
   * may have changed behind the rows that were used. Says what has changed, or why the run cannot be resumed.
   */
  async resume(
    position: StreamPosition,
    onProgress: (rows: number, of: number) => void = () => {},
  ): Promise<StreamChange> {
    const { checks, sources, first } = this.#of;
    const { epoch, used, skip, firstRow, block, counts } = position;
    const changes = sizeChanges(sources, position);
    const past = changes.find(({ wasRead }) => wasRead);
    if (past !== undefined) {
      return {
        refused:
          `${past.name} has changed (${past.how}), and epochs before this one have read it`,
      };
    }
    const at = this.#begin(epoch, position.sources);
    checks.statistics.merge(counts);
    const again = await drawAgain(at.order, position, {
      wait: (work) => this.#orAbort(work),
      onProgress,
    });
    if (again.refused !== null) return { refused: again.refused };
    const { sample } = again;
    if (sample.length > 0) {
      const prepared = await this.#orAbort(
        this.#of.preparer.prepare(sample),
      );
      if (sampleTokens(prepared, sample.length).hash !== used.tokens.hash) {
        return {
          refused:
            "the same rows give other tokens: the tokenizer, the template or a plugin has changed",
        };
      }
    }
    if (first !== position.first && epoch > 0) {
      return {
        refused:
          "the first rows, or their tokens, have changed, and epochs before this one have used them",
      };
    }
    const rows = this.#start(at, { skip, block, firstRow, used });
    await this.#orAbort(rows.skip(position.rows));
    this.#position = {
      ...position,
      first,
      sizes: this.#sizes(),
    };
    if (changes.length === 0 && first === position.first) return {};
    const what = changes.map(({ name, how }) => `${name} (${how})`);
    return {
      notice:
        `The data have changed behind the ${used.rows} rows that the run has used${
          what.length === 0 ? "" : `: ${what.join(", ")}`
        }. Those rows are the same, so the run is resumed, and reads the others as they are now`,
    };
  }

  /** Begins to read and to prepare, so that the first step waits for less. */
  start(): void {
    const at = this.#epoch ?? this.#begin(0, this.#of.sources.map(fresh));
    if (at.rows === null) this.#start(at, BEGINNING);
  }

  async step(epoch: number, _index: number): Promise<TrainingStep> {
    return await this.#orAbort(this.#step(epoch));
  }

  /** The examples of the step given last, by micro-batch, row and segment: their tokens, made anew. */
  inspectLast(): InspectedDraw[][][] {
    const { pipelines } = this.#of;
    return this.#last.map((batch) =>
      batch.map(({ examples }) =>
        examples.map(({ row, piece }) =>
          inspectDrawn(row, piece, pipelines[row.source])
        )
      )
    );
  }

  [Symbol.dispose](): void {
    this.#of.signal?.removeEventListener("abort", this.#onAbort);
    this.#end();
    this.#of.preparer[Symbol.dispose]();
  }

  async #step(epoch: number): Promise<TrainingStep> {
    const { options, collator, checks } = this.#of;
    const { batch_size, gradient_accumulation_steps } = options;
    this.start();
    const at = this.#epoch;
    if (at?.epoch !== epoch || at.rows === null) {
      throw new RangeError(`Epoch ${epoch} is not that of the stream`);
    }
    const batches: Batch[] = [];
    const taken: StreamedRowOfBatch[][] = [];
    for (let m = 0; m < gradient_accumulation_steps; m++) {
      const rows: StreamedRowOfBatch[] = [];
      while (rows.length < batch_size) {
        const row = await at.rows.next();
        if (row === null) break;
        rows.push(row);
      }
      if (rows.length === 0) break;
      taken.push(rows);
      const unpacked = rows.map(unpackRow);
      batches.push(collator.collate(unpacked, this.#limits(epoch, 0)));
    }
    if (batches.length === 0) {
      throw new DataError(
        `The training data give no step: of ${checks.statistics.rows} rows none can be trained on (max_length ${options.max_length}, truncation: ${options.truncation})`,
      );
    }
    const endsEpoch = !await at.rows.more();
    this.#last = taken;
    this.#position = endsEpoch ? this.#beginNext(at) : {
      ...at.rows.place(),
      epoch,
      sources: at.start,
      sizes: this.#sizes(),
      first: this.#of.first,
    };
    return { batches, endsEpoch };
  }

  /** Goes to the beginning of the next epoch. */
  #beginNext({ epoch, cursors }: Epoch): StreamPosition {
    const sources = cursors.map((cursor) => cursor.place);
    this.#begin(epoch + 1, sources);
    const counts = structuredClone({ ...this.#of.checks.statistics });
    return {
      ...BEGINNING,
      epoch: epoch + 1,
      sources,
      sizes: this.#sizes(),
      first: this.#of.first,
      drawn: 0,
      counts,
      rows: 0,
    };
  }

  #begin(epoch: number, start: readonly CursorPlace[]): Epoch {
    this.#end();
    const { sources, options, shares, buffer, signal } = this.#of;
    const { seed, shuffle, stopping } = options;
    const cursors = sources.map(({ stream, maxRows }, k) =>
      new SourceCursor({ source: stream, maxRows, start: start[k], signal })
    );
    const passes = sources.map((source) => source.passes);
    const mixer = new RowMixer(cursors, {
      shares,
      passes,
      stopping,
      shuffle,
      seed,
      epoch,
    });
    const size = shuffle ? buffer : 1;
    this.#epoch = {
      epoch,
      start,
      cursors,
      order: new RowOrder(mixer, { size, seed, epoch }),
      rows: null,
    };
    return this.#epoch;
  }

  /** Begins to prepare ahead. */
  #start(at: Epoch, place: typeof BEGINNING): EpochRows {
    const { options, preparer, checks, collator } = this.#of;
    const { batch_size, gradient_accumulation_steps } = options;
    const perStep = batch_size * gradient_accumulation_steps;
    const limits = (block: number) => this.#limits(at.epoch, block);
    const queue = new RangeQueue(at.order, {
      prepare: (rows) => preparer.prepare(rows),
      ahead: {
        rows: Math.max(windowOf(collator, limits(0)), STEPS_AHEAD * perStep),
        ranges: preparer.ranges,
      },
    });
    const examples = new EpochExamples(queue, {
      skip: place.skip,
      used: place.used,
      statistics: checks.statistics,
      accept: (range, prepared) => checks.accept(range, prepared),
    });
    at.rows = new EpochRows(examples, { ...place, collator, limits });
    return at.rows;
  }

  #end(): void {
    if (this.#epoch === null) return;
    this.#epoch.rows?.[Symbol.dispose]();
    for (const cursor of this.#epoch.cursors) {
      cursor[Symbol.asyncDispose]().catch(() => {}); // nobody reads on
    }
    this.#epoch = null;
  }

  #sizes(): number[][] {
    return this.#of.sources.map(({ stream }) =>
      stream.extent.map(([, size]) => size)
    );
  }

  #limits(epoch: number, block: number): CollatorLimits {
    const { options, tokenizer } = this.#of;
    const { pad, eos } = tokenizer.specialIds;
    return {
      maxLength: options.max_length,
      batchSize: options.batch_size,
      padId: pad ?? eos ?? 0,
      seed: hash32(options.seed, options.shuffle ? epoch : -1, block),
    };
  }

  /** Waits for one thing at a time; not by a race, which would hold on to every step until the end. */
  #orAbort<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#abort = reject;
      work.then(resolve, reject);
      if (this.#of.signal?.aborted) this.#onAbort();
    });
  }
}

function unpackRow({ row, examples }: StreamedRowOfBatch): WeightedExample[] {
  return examples.map(({ words, length, row: { source } }) => ({
    ...unpackExample(words, length),
    source,
    row,
  }));
}

function fresh(): CursorPlace {
  return { row: 0, length: null };
}
