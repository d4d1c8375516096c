/**
 * `batch.json` in the run folder: the micro-batch of the last logged step, token by token, for people who watch. It is
 * written at most every two seconds, and so rarely that it takes no more than a hundredth of the run's time; reading
 * losses from the device changes nothing that is computed.
 * @module
 */
import { join } from "node:path";
import type { Batch } from "../../contracts/collator.ts";
import type { Inputs } from "../../contracts/objective.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import {
  type InspectedToken,
  inspectRow,
  withRoles,
} from "../../data/inspect.ts";
import { describeWhere } from "../../data/where.ts";
import type { OpenedData } from "../open/open_data.ts";

/** File of the batch, within the run folder. */
export const BATCH_FILE = "batch.json";

/** Seconds between two writes at least. */
const LEAST_SECONDS = 2;
/** Seconds between two writes for each second that a write takes. */
const REST = 100;
/** What is shown of a batch. */
const MOST_ROWS = 16;
const MOST_TOKENS = 8192;
const MOST_CHARACTERS = 200;

/** A row of the batch that is shown: lists with one entry a token. */
export interface ShownRow {
  /** The rows of the data that it was made of, in the order of their segments. */
  readonly examples: readonly {
    /** Name of the source. */
    readonly source: string;
    /** File and line, or row. */
    readonly where: string;
  }[];
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  /** Weight of each token as a target. */
  readonly weights: readonly number[];
  /** `user`, `assistant`, ...; null: the template's own text, or not known. */
  readonly roles: readonly (string | null)[];
  /** 0 for padding. */
  readonly segments: readonly number[];
  /** Loss of each token, natural logarithm, its weight left out; null: it is not trained, or not known. */
  readonly losses: readonly (number | null)[];
}

/** What `batch.json` holds. */
export interface ShownBatch {
  /** Optimizer steps done with it. */
  readonly step: number;
  /** Which micro-batch of the step it is, counted from 1, and how many there are. */
  readonly micro_batch: number;
  readonly micro_batches: number;
  readonly rows: readonly ShownRow[];
  /** Rows of the micro-batch, and tokens of each. */
  readonly batch_rows: number;
  readonly batch_tokens: number;
}

/** A micro-batch as training has it. */
export interface ViewedBatch {
  /** Counted from 1. */
  readonly step: number;
  readonly epoch: number;
  readonly stepInEpoch: number;
  /** Which micro-batch of the step, counted from 0, and how many there are. */
  readonly index: number;
  readonly count: number;
  readonly batch: Batch;
  readonly inputs: Inputs;
  /** Weighted loss of each trained row (R); null: not known. */
  readonly losses: Float32Array | null;
}

/** Writes batches, now and then. */
export class BatchView {
  readonly #of: {
    readonly outputDir: string;
    readonly tokenizer: Tokenizer;
    readonly data: OpenedData;
    /** Whether batches are made of answers, and not of the rows of the data. */
    readonly asks: boolean;
    readonly now: () => number;
  };
  #next = 0;
  #failed = false;

  /** Nothing is written yet. */
  constructor(of: {
    readonly outputDir: string;
    readonly tokenizer: Tokenizer;
    readonly data: OpenedData;
    readonly asks: boolean;
    readonly now: () => number;
  }) {
    this.#of = of;
  }

  /** Whether a batch may be written by now. */
  isDue(): boolean {
    return !this.#failed && this.#of.now() >= this.#next;
  }

  /** Writes a batch. What fails here fails nobody: it is not tried again. */
  async write(viewed: ViewedBatch): Promise<void> {
    const { outputDir, now } = this.#of;
    const began = now();
    try {
      const path = join(outputDir, BATCH_FILE);
      const text = JSON.stringify(this.#shown(viewed));
      // no waiting for the disk: after a crash the next batch is as good
      await Deno.writeTextFile(`${path}.tmp`, text);
      await Deno.rename(`${path}.tmp`, path);
    } catch {
      this.#failed = true;
    }
    const took = now() - began;
    this.#next = now() + Math.max(LEAST_SECONDS, REST * took);
  }

  #shown(viewed: ViewedBatch): ShownBatch {
    const { batch, inputs, losses } = viewed;
    const { tokenizer } = this.#of;
    const examples = this.#examples(viewed);
    const byToken = losses === null ? null : lossByToken(batch, inputs, losses);
    const rows: ShownRow[] = [];
    let left = MOST_TOKENS;
    for (let row = 0; row < Math.min(batch.B, MOST_ROWS) && left > 0; row++) {
      const length = Math.min(batch.T, left);
      left -= length;
      const found = examples(row);
      const tokens = withRoles(
        inspectRow(batch, { row, length }, tokenizer),
        found.map((example) => example.tokens),
      );
      rows.push({
        examples: found.map(({ source, where }) => ({ source, where })),
        ids: tokens.map(({ id }) => id),
        texts: tokens.map(({ text }) => text.slice(0, MOST_CHARACTERS)),
        weights: tokens.map(({ weight }) => weight),
        roles: tokens.map(({ role }) => role),
        segments: tokens.map(({ segment }) => segment),
        losses: tokens.map((_, t) => byToken?.[row * batch.T + t] ?? null),
      });
    }
    return {
      step: viewed.step,
      micro_batch: viewed.index + 1,
      micro_batches: viewed.count,
      rows,
      batch_rows: batch.B,
      batch_tokens: batch.T,
    };
  }

  /** The examples of each row of the batch. */
  #examples(
    { epoch, stepInEpoch, index }: ViewedBatch,
  ): (row: number) => ShownExample[] {
    const { data, asks } = this.#of;
    if (asks) return () => [];
    if (data.stream !== null) {
      const rows = data.stream.inspectLast()[index] ?? [];
      return (row) =>
        (rows[row] ?? []).map(({ source, where, tokens }) => ({
          source: data.feed.sourceNames[source],
          where: describeWhere(where),
          tokens,
        }));
    }
    const { train } = data;
    const rows = train.members(epoch, stepInEpoch)[index] ?? [];
    return (row) =>
      (rows[row] ?? []).map((at) => ({
        source: train.sourceNames[train.example(at).source],
        where: describeWhere(train.raw(at).where),
        tokens: train.inspect(at),
      }));
  }
}

interface ShownExample {
  readonly source: string;
  readonly where: string;
  readonly tokens: readonly InspectedToken[];
}

/**
 * The loss of each token (B, T) by the rows that predict them: a row is at the token before the one that it predicts
 * where tokens are predicted from left to right, and at the token itself where they are hidden.
 */
function lossByToken(
  { tokens }: Batch,
  { rows, targets, weights }: Inputs,
  losses: Float32Array,
): (number | null)[] {
  const isShifted = rows.every((row, r) => tokens[row + 1] === targets[r]);
  const found = new Array<number | null>(tokens.length).fill(null);
  rows.forEach((row, r) => {
    const loss = losses[r] / weights[r];
    found[row + (isShifted ? 1 : 0)] = Number.isFinite(loss) ? loss : null;
  });
  return found;
}
