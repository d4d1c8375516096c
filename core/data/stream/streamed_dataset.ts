/**
 * Batches of rows that are read once, in the order of their files: nothing is indexed, and nothing but the
 * buffer and what is prepared ahead is held. Every step is a function of (seed, epoch, step) and the rows,
 * whatever the number of workers and whoever is faster.
 * @module
 */
import { createHash } from "node:crypto";
import type {
  Batch,
  Collator,
  CollatorLimits,
  RowPlan,
  WeightedExample,
} from "../../contracts/collator.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../errors.ts";
import { hash32 } from "../../random.ts";
import { checkPlan } from "../check_plan.ts";
import { unpackExample } from "../packed_examples.ts";
import { widthOf } from "../prepared_dataset.ts";
import { noticesOf } from "../report.ts";
import type { TrainingData, TrainingStep } from "../training_data.ts";
import type { DataOptions } from "../types.ts";
import type { DrawPreparer } from "./draw_preparer.ts";
import { EpochExamples, type StreamedExample } from "./epoch_examples.ts";
import { RangeQueue } from "./range_queue.ts";
import { RowMixer } from "./row_mixer.ts";
import { RowOrder } from "./row_order.ts";
import type { RunningChecks } from "./running_checks.ts";
import { SourceCursor } from "./source_cursor.ts";
import type {
  BlockPlace,
  CursorPlace,
  StreamPosition,
  StreamSource,
} from "./types.ts";

/** Examples that a collator sees together, where it says nothing. */
const WINDOW = 1024;
/** Steps whose rows are prepared ahead. */
const STEPS_AHEAD = 8;
/** Rows that are read at a time to find a place again. */
const SKIPPED = { rows: 4096, characters: Infinity } as const;

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
  readonly preparer: DrawPreparer;
  readonly checks: RunningChecks;
  /** Hash of what is known of the data before they are read. */
  readonly known: string;
  readonly signal?: AbortSignal;
}

interface Epoch {
  readonly epoch: number;
  readonly start: readonly CursorPlace[];
  readonly cursors: readonly SourceCursor[];
  readonly order: RowOrder;
  /** Null until the place where it begins is found. */
  examples: EpochExamples | null;
  block: Block | null;
  /** Blocks begun, and rows of batches that those before hold. */
  blocks: number;
  firstRow: number;
}

interface Block {
  readonly place: BlockPlace;
  readonly examples: readonly StreamedExample[];
  readonly plan: RowPlan;
  /** Rows of the plan that batches have taken. */
  rows: number;
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

  constructor(of: StreamedInit) {
    this.#of = of;
    this.sourceNames = of.sources.map((source) => source.name);
    this.fingerprint = createHash("sha256").update(JSON.stringify([
      of.known,
      of.buffer,
      of.shares,
      of.sources.map(({ stream, maxRows, passes }) => [
        stream.extent.map(([, size]) => size),
        maxRows,
        passes,
      ]),
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
   * Goes to where an earlier run stood: what it had read is read again, without making tokens of it. Returns
   * the hash of what was found, which is `position.read` where the rows are the same.
   */
  async resume(
    position: StreamPosition,
    onProgress: (rows: number, of: number) => void = () => {},
  ): Promise<string> {
    const { checks } = this.#of;
    const { epoch, sources, drawn, firstRow, block, counts } = position;
    const at = this.#begin(epoch, sources);
    checks.statistics.merge(counts);
    while (at.order.drawn < drawn) {
      const rows = Math.min(SKIPPED.rows, drawn - at.order.drawn);
      const found = await this.#orAbort(at.order.draw({ ...SKIPPED, rows }));
      if (found.length === 0) break;
      onProgress(at.order.drawn, drawn);
    }
    const { read } = at.order;
    if (read !== position.read) return read;
    this.#start(at, position.skip);
    at.firstRow = firstRow;
    at.blocks = block;
    if (position.rows > 0) {
      await this.#orAbort(this.#nextBlock(at));
      if (at.block !== null) at.block.rows = position.rows;
    }
    this.#position = position;
    return read;
  }

  /** Begins to read and to prepare, so that the first step waits for less. */
  start(): void {
    const at = this.#epoch ?? this.#begin(0, this.#of.sources.map(fresh));
    if (at.examples === null) this.#start(at, 0);
  }

  async step(epoch: number, _index: number): Promise<TrainingStep> {
    return await this.#orAbort(this.#step(epoch));
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
    if (at?.epoch !== epoch) {
      throw new RangeError(`Epoch ${epoch} is not that of the stream`);
    }
    const batches: Batch[] = [];
    for (let m = 0; m < gradient_accumulation_steps; m++) {
      const rows: WeightedExample[][] = [];
      while (rows.length < batch_size) {
        const row = await this.#nextRow(at);
        if (row === null) break;
        rows.push(row);
      }
      if (rows.length === 0) break;
      batches.push(collator.collate(rows, this.#limits(epoch, 0)));
    }
    if (batches.length === 0) {
      throw new DataError(
        `The training data give no step: of ${checks.statistics.rows} rows none can be trained on (max_length ${options.max_length}, truncation: ${options.truncation})`,
      );
    }
    const endsEpoch = !await this.#hasRow(at);
    this.#position = endsEpoch ? this.#beginNext(at) : placeOf(at);
    return { batches, endsEpoch };
  }

  /** Goes to the beginning of the next epoch. */
  #beginNext({ epoch, cursors }: Epoch): StreamPosition {
    const sources = cursors.map((cursor) => cursor.place);
    const next = this.#begin(epoch + 1, sources);
    const counts = structuredClone({ ...this.#of.checks.statistics });
    const { read } = next.order;
    const place = { drawn: 0, read, skip: 0, counts, block: 0, firstRow: 0 };
    return { ...place, epoch: epoch + 1, sources, rows: 0 };
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
      examples: null,
      block: null,
      blocks: 0,
      firstRow: 0,
    };
    return this.#epoch;
  }

  /** Begins to prepare ahead. */
  #start(at: Epoch, skip: number): void {
    const { options, preparer, checks } = this.#of;
    const { batch_size, gradient_accumulation_steps } = options;
    const perStep = batch_size * gradient_accumulation_steps;
    const queue = new RangeQueue(at.order, {
      prepare: (rows) => preparer.prepare(rows),
      ahead: {
        rows: Math.max(this.#window(at.epoch), STEPS_AHEAD * perStep),
        ranges: preparer.ranges,
      },
    });
    at.examples = new EpochExamples(queue, {
      skip,
      statistics: checks.statistics,
      accept: (range, prepared) => checks.accept(range, prepared),
    });
  }

  #end(): void {
    if (this.#epoch === null) return;
    this.#epoch.examples?.[Symbol.dispose]();
    for (const cursor of this.#epoch.cursors) {
      cursor[Symbol.asyncDispose]().catch(() => {}); // nobody reads on
    }
    this.#epoch = null;
  }

  async #hasRow(at: Epoch): Promise<boolean> {
    const { block, examples } = at;
    if (block !== null && block.rows < rowsOf(block)) return true;
    return await examples?.more() ?? false;
  }

  async #nextRow(at: Epoch): Promise<WeightedExample[] | null> {
    if (at.block === null || at.block.rows === rowsOf(at.block)) {
      await this.#nextBlock(at);
    }
    const { block } = at;
    if (block === null) return null;
    const { plan: { offsets, members }, examples, place } = block;
    const r = block.rows++;
    const row = place.firstRow + r;
    return Array.from(
      members.subarray(offsets[r], offsets[r + 1]),
      (member) => {
        const { words, length, source } = examples[member];
        return { ...unpackExample(words, length), source, row };
      },
    );
  }

  async #nextBlock(at: Epoch): Promise<void> {
    const { examples: queue, epoch } = at;
    if (at.block !== null) at.firstRow += rowsOf(at.block);
    at.block = null;
    if (queue === null || !await queue.more()) return;
    const place: BlockPlace = {
      ...queue.place(),
      block: at.blocks++,
      firstRow: at.firstRow,
    };
    const window = this.#window(epoch);
    const examples: StreamedExample[] = [];
    while (examples.length < window && await queue.more()) {
      examples.push(queue.take());
    }
    const lengths = Int32Array.from(examples, ({ length }) => length);
    const { collator } = this.#of;
    const plan = collator.plan(lengths, this.#limits(epoch, place.block));
    checkPlan(plan, examples.length);
    at.block = { place, examples, plan, rows: 0 };
  }

  #window(epoch: number): number {
    const { collator } = this.#of;
    return collator.window?.(this.#limits(epoch, 0)) ?? WINDOW;
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

function placeOf(
  { epoch, start, block, examples, blocks, firstRow }: Epoch,
): StreamPosition {
  const at = { epoch, sources: start };
  if (block !== null && block.rows < rowsOf(block)) {
    return { ...block.place, ...at, rows: block.rows };
  }
  if (examples === null) throw new RangeError("There is no example");
  return {
    ...examples.place(),
    ...at,
    block: blocks,
    firstRow: firstRow + (block === null ? 0 : rowsOf(block)),
    rows: 0,
  };
}

function rowsOf({ plan }: Block): number {
  return plan.offsets.length - 1;
}

function fresh(): CursorPlace {
  return { row: 0, length: null };
}
