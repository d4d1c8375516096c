/**
 * The rows of batches of an epoch: examples block by block, each laid out by the collator's plan.
 *
 * ```text
 * examples   a b c d e f | g h i ...      a block is as many as the collator sees together
 * rows       a d | b c | e f | ...        in the order of its plan
 * ```
 * @module
 */
import type {
  Collator,
  CollatorLimits,
  RowPlan,
} from "../../contracts/collator.ts";
import { checkPlan } from "../check_plan.ts";
import type { EpochExamples, StreamedExample } from "./epoch_examples.ts";
import type { BlockPlace, UsedRows } from "./types.ts";

/** Examples that a collator sees together, where it says nothing. */
const WINDOW = 1024;

/** A row of a batch. */
export interface StreamedRowOfBatch {
  /** Its index within the epoch. */
  readonly row: number;
  /** In the order of their segments. */
  readonly examples: readonly StreamedExample[];
}

/** Where the rows of an epoch begin, and how they are laid out. */
export interface EpochRowsInit {
  readonly collator: Collator;
  /** What bounds the rows of a block, by its index. */
  readonly limits: (block: number) => CollatorLimits;
  /** Blocks before, and the rows that they hold. */
  readonly block: number;
  readonly firstRow: number;
}

interface Block {
  readonly place: BlockPlace;
  readonly examples: readonly StreamedExample[];
  readonly plan: RowPlan;
  /** Rows of the plan that were taken. */
  rows: number;
}

/** Examples that a collator should see together. */
export function windowOf(collator: Collator, limits: CollatorLimits): number {
  return collator.window?.(limits) ?? WINDOW;
}

/** Gives the rows of an epoch. Dispose of it to stop reading. */
export class EpochRows implements Disposable {
  readonly #examples: EpochExamples;
  readonly #of: EpochRowsInit;
  #block: Block | null = null;
  #blocks: number;
  /** Rows of all blocks before the open one. */
  #firstRow: number;

  constructor(examples: EpochExamples, of: EpochRowsInit) {
    this.#examples = examples;
    this.#of = of;
    this.#blocks = of.block;
    this.#firstRow = of.firstRow;
  }

  /** Waits until it is known whether there is another row. */
  async more(): Promise<boolean> {
    return this.#left() > 0 || await this.#examples.more();
  }

  /** The next row; null: the epoch is over. */
  async next(): Promise<StreamedRowOfBatch | null> {
    if (this.#left() === 0) await this.#open();
    if (this.#block === null) return null;
    const { plan: { offsets, members }, examples, place } = this.#block;
    const r = this.#block.rows++;
    const own = members.subarray(offsets[r], offsets[r + 1]);
    return {
      row: place.firstRow + r,
      examples: Array.from(own, (member) => examples[member]),
    };
  }

  /** Leaves out rows of the first block. */
  async skip(rows: number): Promise<void> {
    if (rows === 0) return;
    await this.#open();
    if (this.#block !== null) this.#block.rows = rows;
  }

  /** Where the next row is; call it when `more` was true. */
  place(): BlockPlace & { readonly rows: number; readonly used: UsedRows } {
    const block = this.#block;
    const used = this.#examples.used();
    if (block !== null && this.#left() > 0) {
      return { ...block.place, rows: block.rows, used };
    }
    return {
      ...this.#examples.place(),
      used,
      block: this.#blocks,
      firstRow: this.#firstRow + (block === null ? 0 : rowsOf(block)),
      rows: 0,
    };
  }

  [Symbol.dispose](): void {
    this.#examples[Symbol.dispose]();
  }

  /** Rows of the open block that are left. */
  #left(): number {
    return this.#block === null ? 0 : rowsOf(this.#block) - this.#block.rows;
  }

  async #open(): Promise<void> {
    const { collator, limits } = this.#of;
    if (this.#block !== null) this.#firstRow += rowsOf(this.#block);
    this.#block = null;
    if (!await this.#examples.more()) return;
    const place: BlockPlace = {
      ...this.#examples.place(),
      block: this.#blocks++,
      firstRow: this.#firstRow,
    };
    const own = limits(place.block);
    const window = windowOf(collator, own);
    const examples: StreamedExample[] = [];
    while (examples.length < window && await this.#examples.more()) {
      examples.push(this.#examples.take());
    }
    const lengths = Int32Array.from(examples, ({ length }) => length);
    const plan = collator.plan(lengths, own);
    checkPlan(plan, examples.length);
    this.#block = { place, examples, plan, rows: 0 };
  }
}

function rowsOf({ plan }: Block): number {
  return plan.offsets.length - 1;
}
