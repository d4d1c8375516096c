/**
 * Gradients of a step, added up over ranks: each piece while the next ones compute, and a tensor that is large enough
 * from the memory that it was read into.
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import { release } from "../../io/release.ts";
import type { Engine } from "../engine.ts";
import type { PlannedEngine } from "../plan_engine.ts";
import type { Session } from "../session.ts";
import { gradientName } from "../trainables.ts";
import { FEWEST_ALONE, type GradientSlice } from "./gradient_pieces.ts";
import { areFew, putRows, takeRows } from "./token_rows.ts";

/** A sum over ranks, in two halves: what is waited for before it, and the sum. */
export interface RankSum {
  /** What this rank adds, when the device has it. */
  readonly values: Promise<Float32Array>;
  /** Sums it over the ranks and stores the result. */
  sum(values: Float32Array, computes: boolean): Promise<void>;
}

/** What sums of gradients need besides the engine and the ranks. */
export interface SumSettings {
  /** Enqueues what is left of the backward pass, and calls back as each piece of it is. */
  readonly start: (onPiece: (index: number) => void) => void;
  /** Distinct tokens of the step, ascending. */
  readonly tokens: Int32Array;
  /** Is summed last, and read when the whole backward pass is enqueued. */
  readonly last?: () => RankSum;
}

/** Sums the gradients of a step over all ranks, in place. */
export async function sumGradients(
  engine: Pick<Engine, "session" | "planned">,
  collective: Collective,
  { start, tokens, last }: SumSettings,
): Promise<void> {
  const { session, planned } = engine;
  const pieces = planned.pieces.length > 0
    ? planned.pieces
    : [wholeGradients(planned)];
  const sums = new GradientSums(session, { collective, tokens });
  const enqueued: RankSum[][] = [];
  const enqueue = (index: number): void => {
    enqueued[index] ??= sums.of(pieces[index], index === pieces.length - 1);
  };
  start(enqueue);
  for (const index of pieces.keys()) enqueue(index); // a rank without a micro-batch has none enqueued
  if (last !== undefined) enqueued.push([last()]);
  const most = collective.sumsAtOnce ?? 1;
  const running: Promise<void>[] = [];
  for (const [index, ofPiece] of enqueued.entries()) {
    const computes = index + 1 < pieces.length;
    for (const one of ofPiece) {
      const values = await one.values;
      await running[running.length - most];
      const end = one.sum(values, computes);
      end.catch(() => {}); // whoever waits for it is given it
      running.push(end);
    }
  }
  await Promise.all(running);
}

/** The sums of the slices of pieces. */
class GradientSums {
  readonly #session: Session;
  readonly #collective: Collective;
  readonly #tokens: Int32Array;
  /** Embeddings whose rows of tokens are still to be summed, by their variable and start. */
  readonly #kept = new Map<string, Promise<Float32Array>>();
  /** Slices of all pieces that go together, in one message at the end. */
  readonly #small: GradientSlice[] = [];

  constructor(
    session: Session,
    of: { readonly collective: Collective; readonly tokens: Int32Array },
  ) {
    this.#session = session;
    this.#collective = of.collective;
    this.#tokens = of.tokens;
  }

  /** Reads the slices of a piece that is enqueued, `isLast` or not; small ones wait for the last. */
  of(slices: readonly GradientSlice[], isLast: boolean): RankSum[] {
    const sums: RankSum[] = [];
    for (const slice of slices) {
      const { rows } = slice;
      if (rows !== undefined && areFew(this.#tokens, slice, rows.columns)) {
        sums.push(
          rows.which === "others"
            ? this.#others(slice)
            : this.#ofTokens(slice, rows.columns),
        );
      } else if (rows?.which === "others") {
        continue; // whole, when all rows are complete
      } else if (slice.count < FEWEST_ALONE) this.#small.push(slice);
      else sums.push(this.#plain([slice]));
    }
    if (isLast && this.#small.length > 0) sums.push(this.#plain(this.#small));
    return sums;
  }

  async #sum(values: Float32Array, computes: boolean): Promise<void> {
    await this.#collective.sum(values, { gradients: true, computes });
  }

  #read({ variable, start, count }: GradientSlice): Promise<Float32Array> {
    return handled(this.#session.read(variable, { start, count }));
  }

  #plain(slices: readonly GradientSlice[]): RankSum {
    const read = slices.map((slice) => this.#read(slice));
    return {
      values: handled(Promise.all(read).then(concatenated)),
      sum: async (values, computes) => {
        await this.#sum(values, computes);
        if (slices.length === 1) return this.#write(slices[0], values);
        let at = 0;
        for (const { variable, start, count } of slices) {
          this.#session.write(variable, values.subarray(at, at + count), start);
          at += count;
        }
        release(values);
      },
    };
  }

  /** Writes a whole array, which nobody uses any more: no copy of it is made. */
  #write({ variable, start }: GradientSlice, values: Float32Array): void {
    this.#session.write(variable, values, start, true);
  }

  /** All rows, of which those of tokens are of no use yet. */
  #others(slice: GradientSlice): RankSum {
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array>();
    this.#kept.set(keyOf(slice), handled(promise));
    return {
      values: this.#read(slice),
      sum: async (values, computes) => {
        try {
          await this.#sum(values, computes);
          resolve(values);
        } catch (error) {
          reject(error);
          throw error;
        }
      },
    };
  }

  /** The rows of tokens, which are put among the others. */
  #ofTokens(slice: GradientSlice, columns: number): RankSum {
    const of = { tokens: this.#tokens, columns };
    const kept = this.#kept.get(keyOf(slice));
    return {
      values: this.#read(slice),
      sum: async (values, computes) => {
        const rows = takeRows(values, of);
        await this.#sum(rows, computes);
        const whole = await kept ?? values;
        putRows(whole, rows, of);
        this.#write(slice, whole);
        if (whole !== values) release(values);
      },
    };
  }
}

function keyOf({ variable, start }: GradientSlice): string {
  return `${variable} ${start}`;
}

/** Whoever waits for it is given its error. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** All gradients as slices. */
function wholeGradients({ trainables }: PlannedEngine): GradientSlice[] {
  return (trainables?.groups ?? []).flatMap(({ arenas }) =>
    arenas.map(({ name, elements }) => ({
      variable: gradientName(name),
      start: 0,
      count: elements,
    }))
  );
}

/** Arrays one behind the other; their memory is given back. */
function concatenated(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
    release(part);
  }
  return all;
}
