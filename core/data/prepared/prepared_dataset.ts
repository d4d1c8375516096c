/**
 * A prepared set: its examples, and the batches of every step of every epoch, each a function of
 * (seed, epoch, step) alone.
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
import type { RawRecord, Where } from "../../contracts/source.ts";
import { describeWhere } from "../where.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../contracts/errors.ts";
import { hash32 } from "../../random.ts";
import { buildExamples, parseRecord } from "../examples/build_examples.ts";
import { checkPlan } from "../check_plan.ts";
import { epochOrder } from "./epoch_order.ts";
import { type InspectedToken, inspectExample, renderText } from "../inspect.ts";
import type { NumberList } from "../number_list.ts";
import { reportOf } from "../report.ts";
import type { RowPlace, Statistics } from "../statistics.ts";
import type { TokenStore } from "./token_store.ts";
import type { TrainingData, TrainingStep } from "../training_data.ts";
import { isTrained, type Piece } from "../examples/truncate.ts";
import type {
  DataOptions,
  DataReport,
  DataSource,
  PreparedExample,
} from "../types.ts";

/** What a prepared set is made of. */
export interface PreparedParts {
  /** Where examples come from. */
  readonly sources: readonly DataSource[];
  /** One for all sources. */
  readonly tokenizer: Tokenizer;
  /** Lays out the batches. */
  readonly collator: Collator;
  /** All options, defaults filled in. */
  readonly options: DataOptions;
  /** Share of each source, or null. */
  readonly shares: readonly number[] | null;
  /** Ids and weights of all examples. */
  readonly tokens: TokenStore;
  /** Record of each example, within its source. */
  readonly records: NumberList;
  /** Index of the first example of each source, and the number of all. */
  readonly starts: readonly number[];
  /** Counts of the pass. */
  readonly statistics: Statistics;
  /** Hash of all ids and weights, in order. */
  readonly contentHash: string;
}

/** The plan of one epoch. */
interface Epoch {
  readonly epoch: number;
  /** Examples in the order of the epoch. */
  readonly order: Uint32Array;
  /** Rows of positions in `order`. */
  readonly plan: RowPlan;
}

/** Examples and batches. Holds a file where the set is large: dispose of it. */
export class PreparedDataset implements Disposable, TrainingData {
  /** What preparation found. */
  readonly report: DataReport;
  /** The counts behind the report. */
  readonly statistics: Statistics;
  /** Names of the sources, in the order of `Batch.sources`. */
  readonly sourceNames: readonly string[];
  /**
   * Hash of all ids, weights, shares and passes, in order: with the options, all that batches depend on. For
   * checkpoints.
   */
  readonly fingerprint: string;
  readonly #parts: PreparedParts;
  #current: Epoch | null = null;
  readonly #rowCounts = new Map<number, number>();

  /** Takes hold of the tokens; the stores stay their owner's. */
  constructor(parts: PreparedParts) {
    this.#parts = parts;
    this.statistics = parts.statistics;
    this.sourceNames = parts.sources.map((source) => source.name);
    this.fingerprint = this.#fingerprint();
    this.report = reportOf({
      statistics: parts.statistics,
      names: this.sourceNames,
      shares: parts.shares,
      options: parts.options,
      drawn: this.examplesInEpoch(0),
      packs: this.rowsInEpoch(0),
      steps: this.stepsInEpoch(0),
    });
  }

  /** Number of examples. */
  get length(): number {
    return this.#parts.tokens.length;
  }

  /** Examples drawn in an epoch. */
  examplesInEpoch(epoch: number): number {
    return this.#epoch(epoch).order.length;
  }

  /** Rows of the collator's plan: packs, or examples. */
  rowsInEpoch(epoch: number): number {
    const known = this.#rowCounts.get(epoch);
    return known ?? this.#epoch(epoch).plan.offsets.length - 1;
  }

  /**
   * Tokens of the widest row that a batch may have: what memory is sized by. Packs of another epoch may be
   * fuller, so with packing it is the longest row allowed.
   */
  get widest(): number {
    const { collator, options } = this.#parts;
    const { offsets } = this.#epoch(0).plan;
    if (offsets.length - 1 < this.examplesInEpoch(0)) return options.max_length;
    const longest = this.report.longest;
    return widthOf(longest, collator, this.#limits(0));
  }

  /** Optimizer steps; the last one may be short. Packing may give other numbers in other epochs. */
  stepsInEpoch(epoch: number): number {
    const { batch_size, gradient_accumulation_steps } = this.#parts.options;
    return Math.ceil(
      this.rowsInEpoch(epoch) / (batch_size * gradient_accumulation_steps),
    );
  }

  /** The micro-batches of a step, counted from 0 within the epoch. */
  batches(epoch: number, step: number): Batch[] {
    return this.#rowsOfStep(epoch, step).map(({ from, to }) =>
      this.#batch(epoch, from, to)
    );
  }

  /** The batches of a step, and whether it is the last of its epoch. */
  step(epoch: number, index: number): Promise<TrainingStep> {
    const steps = this.stepsInEpoch(epoch);
    if (steps === 0) throw new DataError("The training data give no step");
    const batches = this.batches(epoch, index);
    return Promise.resolve({ batches, endsEpoch: index + 1 === steps });
  }

  /** Null: any step is found at once. */
  position(): null {
    return null;
  }

  /** None: all that is worth saying is in the report, before the first step. */
  closingNotices(): readonly string[] {
    return [];
  }

  /** Indices of the examples in each row of each micro-batch of a step, in the order of their segments. */
  members(epoch: number, step: number): number[][][] {
    const { order, plan: { offsets, members } } = this.#epoch(epoch);
    return this.#rowsOfStep(epoch, step).map(({ from, to }) =>
      Array.from(
        { length: to - from },
        (_, r) =>
          Array.from(
            members.subarray(offsets[from + r], offsets[from + r + 1]),
            (member) => order[member],
          ),
      )
    );
  }

  /** An example by index, in the order of the sources. */
  example(index: number): PreparedExample {
    const { tokens, records } = this.#parts;
    return {
      ...tokens.at(index),
      source: this.#sourceOf(index),
      record: records.at(index),
    };
  }

  /** The row of an example, as stored in its file. */
  raw(index: number): RawRecord {
    return this.#parts.sources[this.#sourceOf(index)].store.at(
      this.#parts.records.at(index),
    );
  }

  /** The tokens of an example, made anew from its record. */
  inspect(index: number): InspectedToken[] {
    const { records, starts, tokenizer } = this.#parts;
    const place = { source: this.#sourceOf(index), record: records.at(index) };
    let first = index; // the pieces of a record stand side by side
    while (
      first > starts[place.source] && records.at(first - 1) === place.record
    ) first--;
    const pieces = this.#pieces(place).filter(isTrained);
    return inspectExample(pieces[index - first], tokenizer);
  }

  /** A row as errors show it: its place, and the text with what is trained in «marks». */
  sample(place: RowPlace): string {
    const { sources, tokenizer } = this.#parts;
    const { where } = sources[place.source].store.at(place.record);
    return sampleOf(this.#pieces(place), { where, tokenizer });
  }

  /** Gives the tokens back, and their file. */
  [Symbol.dispose](): void {
    this.#parts.tokens[Symbol.dispose]();
  }

  #pieces({ source, record }: RowPlace): readonly Piece[] {
    const { sources, tokenizer, options } = this.#parts;
    const { store, format, template, masker } = sources[source];
    const raw = store.at(record);
    const built = buildExamples(parseRecord(raw, format), raw, {
      tokenizer,
      template,
      masker,
      options,
    });
    if (built.refused !== null) throw new DataError(built.refused);
    return built.pieces;
  }

  /** Rows of the plan in each micro-batch of a step. */
  #rowsOfStep(epoch: number, step: number): { from: number; to: number }[] {
    const { batch_size, gradient_accumulation_steps } = this.#parts.options;
    const rows = this.rowsInEpoch(epoch);
    const first = step * batch_size * gradient_accumulation_steps;
    const last = Math.min(
      rows,
      first + batch_size * gradient_accumulation_steps,
    );
    if (!(step >= 0 && first < rows)) {
      throw new RangeError(
        `Cannot give step ${step} of epoch ${epoch}: it has ${
          this.stepsInEpoch(epoch)
        }`,
      );
    }
    const batches: { from: number; to: number }[] = [];
    for (let from = first; from < last; from += batch_size) {
      batches.push({ from, to: Math.min(last, from + batch_size) });
    }
    return batches;
  }

  #batch(epoch: number, from: number, to: number): Batch {
    const { collator } = this.#parts;
    const { order, plan: { offsets, members } } = this.#epoch(epoch);
    const rows: WeightedExample[][] = [];
    for (let row = from; row < to; row++) {
      const examples: WeightedExample[] = [];
      for (let m = offsets[row]; m < offsets[row + 1]; m++) {
        const { record: _, ...example } = this.example(order[members[m]]);
        examples.push({ ...example, row });
      }
      rows.push(examples);
    }
    return collator.collate(rows, this.#limits(epoch));
  }

  #epoch(epoch: number): Epoch {
    if (this.#current?.epoch === epoch) return this.#current;
    this.#current = null; // two plans of millions of rows need not be held at once
    const { options, starts, shares, tokens, collator } = this.#parts;
    const order = epochOrder({
      counts: starts.slice(1).map((end, k) => end - starts[k]),
      shares,
      passes: this.#passes,
      stopping: options.stopping,
      shuffle: options.shuffle,
      seed: options.seed,
      epoch,
    });
    const lengths = new Int32Array(order.length); // no `from`: it would hold a list of all of them
    for (let i = 0; i < order.length; i++) {
      lengths[i] = tokens.lengthOf(order[i]);
    }
    const plan = collator.plan(lengths, this.#limits(epoch));
    checkPlan(plan, order.length);
    this.#current = { epoch, order, plan };
    this.#rowCounts.set(epoch, plan.offsets.length - 1);
    return this.#current;
  }

  #limits(epoch: number): CollatorLimits {
    const { options, tokenizer } = this.#parts;
    const { pad, eos } = tokenizer.specialIds;
    return {
      maxLength: options.max_length,
      batchSize: options.batch_size,
      padId: pad ?? eos ?? 0,
      seed: hash32(options.seed, options.shuffle ? epoch : -1),
    };
  }

  /** What is said of passes; null where nothing is. */
  get #passes(): (number | null)[] | null {
    const passes = this.#parts.sources.map((source) => source.epochs ?? null);
    return passes.some((limit) => limit !== null) ? passes : null;
  }

  #sourceOf(index: number): number {
    const { starts } = this.#parts;
    let source = 0;
    while (source + 2 < starts.length && index >= starts[source + 1]) source++;
    return source;
  }

  #fingerprint(): string {
    const { shares, contentHash } = this.#parts;
    return createHash("sha256")
      .update(JSON.stringify([contentHash, shares, this.#passes]))
      .digest("hex");
  }
}

/** Places of a row of so many tokens, as the collator lays it out. */
export function widthOf(
  tokens: number,
  collator: Collator,
  limits: CollatorLimits,
): number {
  const row: WeightedExample = {
    ids: new Int32Array(tokens),
    weights: new Float32Array(tokens),
    source: 0,
    row: 0,
  };
  return collator.collate([[row]], limits).T;
}

/** A row as errors show it. */
export function sampleOf(
  pieces: readonly Piece[],
  { where, tokenizer }: {
    readonly where: Where;
    readonly tokenizer: Tokenizer;
  },
): string {
  const shown = pieces.slice(0, 2).map((piece) =>
    renderText(inspectExample(piece, tokenizer), { color: false, limit: 200 })
  );
  return `${describeWhere(where)}:\n${
    shown.length === 0 ? "(dropped)" : shown.join("\n---\n")
  }`;
}
