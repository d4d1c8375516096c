/**
 * Prefill and decode over what layers keep. Rows differ in length, and each has its own slot of every state. Of
 * keys and values, what padding or steps after its end wrote behind a row's end is overwritten before it is seen;
 * the other states do not take padding (`counts`), and start anew with a row's first token.
 *
 * ```text
 * slot of a row    | prompt ........ | answer ... | (junk, never attended to)
 *                                    ^ place of the token that is read next
 * ```
 *
 * Where reads are costly, steps are enqueued ahead and their tokens read together; those of a row after its
 * end are dropped. Rows that have ended leave the batch, and their slots go to rows that wait.
 * @module
 */
import type { Session } from "../session.ts";
import { CallQueue } from "../../call_queue.ts";
import { wordsOfBits } from "../../graph/kernels/mod.ts";
import { hash32 } from "../../random.ts";
import { type GenerationLimits, RING_STEPS, STATE } from "./programs.ts";
import { optionsOf, type SamplingOptions } from "./sampling.ts";

/** Runs of `prefill` that may be on their way, so that a signal is soon heard. */
const MOST_QUEUED = 4;

/** One row to be continued. */
export interface GenerationRow {
  readonly prompt: Int32Array;
  readonly maxNewTokens: number;
  /** Index that keys the row's random numbers, whatever batch it falls in. */
  readonly key: number;
  /** Sees each new token; returns true to end the row there (the token is kept). */
  onToken(id: number): boolean;
  /** Ids at which `onToken` ends the row, for generators that write several tokens at a time. */
  readonly ends?: ReadonlySet<number>;
  /** Receives the whole answer while it is written, from such generators; null: a token that is not chosen yet. */
  readonly onDraft?: (ids: readonly (number | null)[]) => void;
}

/** Why a row ended. */
export type Finish = "stop" | "length" | "capacity";

/** What a row became. */
export interface GeneratedRow {
  readonly ids: readonly number[];
  readonly finish: Finish;
}

/** Continues rows, in whichever way the model was trained to write. */
export interface RowGenerator {
  /** What it was sized for. */
  readonly limits: GenerationLimits;
  /**
   * Continues rows, as many at a time as fit; results in the order given. Throws `RangeError` for an empty prompt
   * or one that leaves no room.
   */
  generate(
    rows: readonly GenerationRow[],
    sampling: SamplingOptions,
    signal?: AbortSignal,
  ): Promise<GeneratedRow[]>;
}

/** A row that has a slot. */
interface LiveRow {
  readonly row: GenerationRow;
  /** Its place among the results. */
  readonly at: number;
  readonly slot: number;
  readonly ids: number[];
  /** Most tokens that it can get. */
  readonly most: number;
  finish: Finish | null;
}

/** Decodes rows on a session that holds the programs of `planGeneration`. */
export class Generator implements RowGenerator {
  readonly limits: GenerationLimits;
  readonly #session: Session;
  readonly #vocabSize: number;
  /** Most steps that are enqueued before their tokens are read. */
  readonly #mostAhead: number;
  /** What the layers keep serves one call at a time. */
  readonly #calls = new CallQueue();

  constructor(
    session: Session,
    options: { limits: GenerationLimits; vocabSize: number },
  ) {
    this.#session = session;
    this.limits = options.limits;
    this.#vocabSize = options.vocabSize;
    this.#mostAhead = session.device.info.readsAreCostly === true
      ? RING_STEPS
      : 1;
  }

  /**
   * Continues rows, as many at a time as fit; results in the order given. A call waits for those before it.
   * Throws `RangeError` for an empty prompt or one that leaves no room in the cache.
   */
  generate(
    rows: readonly GenerationRow[],
    sampling: SamplingOptions,
    signal?: AbortSignal,
  ): Promise<GeneratedRow[]> {
    return this.#calls.run(() => this.#generate(rows, sampling, signal));
  }

  async #generate(
    rows: readonly GenerationRow[],
    sampling: SamplingOptions,
    signal: AbortSignal | undefined,
  ): Promise<GeneratedRow[]> {
    for (const { prompt } of rows) this.#check(prompt);
    const results: GeneratedRow[] = rows.map(() => ({
      ids: [],
      finish: "length",
    }));
    // rows of similar length together: the padding of a prefill follows from its longest prompt
    const waiting = [...rows.keys()]
      .filter((i) => rows[i].maxNewTokens > 0)
      .sort((a, b) => rows[a].prompt.length - rows[b].prompt.length || a - b);
    const free = Array.from({ length: this.limits.rows }, (_, slot) => slot);
    let live: LiveRow[] = [];
    let longest = 1;
    let changed = true;
    while (waiting.length + live.length > 0) {
      signal?.throwIfAborted();
      const joining = waiting.splice(0, free.length)
        .map((at) => this.#join(rows[at], at, free.shift() ?? 0));
      if (joining.length > 0) {
        await this.#prefill(joining, sampling, signal);
        live.push(...joining);
        changed = true;
      }
      // no more than the longest answer so far, so that what is wasted behind a stop stays short; and for no row
      // more than it can get: it has no place for them
      const steps = Math.min(
        this.#mostAhead,
        longest,
        ...live.map(({ ids, most }) => most - ids.length),
      );
      const inputs = changed ? this.#writeState(live, sampling) : {};
      await this.#decode(live, { steps, inputs });
      for (const { ids } of live) longest = Math.max(longest, ids.length);
      const ended = live.filter(({ finish }) => finish !== null);
      for (const { at, slot, ids, finish } of ended) {
        results[at] = { ids, finish: finish ?? "length" };
        free.push(slot);
      }
      live = live.filter(({ finish }) => finish === null);
      changed = ended.length > 0;
    }
    return results;
  }

  #check(prompt: Int32Array): void {
    if (prompt.length === 0) {
      throw new RangeError("A prompt needs at least one token");
    }
    if (prompt.length >= this.limits.capacity) {
      throw new RangeError(
        `The prompt has ${prompt.length} tokens; ${this.limits.capacity} fit, the answer included`,
      );
    }
  }

  #join(row: GenerationRow, at: number, slot: number): LiveRow {
    // a token must be read to choose another, and needs a place for it: the last one does not
    const room = this.limits.capacity - row.prompt.length + 1;
    const most = Math.min(row.maxNewTokens, room);
    return { row, at, slot, ids: [], most, finish: null };
  }

  /** Reads prompts in chunks, all but their last token: decoding begins with that. */
  async #prefill(
    rows: readonly LiveRow[],
    sampling: SamplingOptions,
    signal?: AbortSignal,
  ): Promise<void> {
    if (sampling.repetitionPenalty !== 1) {
      for (const { row, slot } of rows) this.#markSeen(row.prompt, slot);
    }
    const longest = Math.max(...rows.map(({ row }) => row.prompt.length - 1));
    const chunk = Math.min(this.limits.prefill, this.limits.capacity);
    for (let start = 0, queued = 1; start < longest; start += chunk, queued++) {
      const T = Math.min(chunk, longest - start);
      const part = rows.filter(({ row }) => row.prompt.length - 1 > start);
      const tokens = new Int32Array(part.length * T);
      const positions = new Int32Array(part.length * T);
      part.forEach(({ row: { prompt } }, b) => {
        tokens.set(prompt.subarray(start, start + T), b * T);
        for (let t = 0; t < T; t++) positions[b * T + t] = start + t;
      });
      this.#session.run("prefill", { B: part.length, T }, {
        tokens,
        positions,
        lengths: new Int32Array(part.length).fill(start),
        index: Int32Array.from(part, ({ slot }) => slot),
        counts: Int32Array.from(
          part,
          ({ row: { prompt } }) => Math.min(T, prompt.length - 1 - start),
        ),
        row_keys: new Int32Array(part.length * T),
      });
      if (queued % MOST_QUEUED === 0) {
        await this.#session.idle();
        signal?.throwIfAborted();
      }
    }
  }

  /** Sets the bits of a prompt's tokens, and clears all others of the slot. */
  #markSeen(prompt: Int32Array, slot: number): void {
    const words = new Int32Array(wordsOfBits(this.#vocabSize));
    for (const id of prompt) words[id >>> 5] |= 1 << (id & 31);
    this.#session.write(STATE.seen, words, slot * words.length);
  }

  /** Writes to the device which rows are decoded, and their positions; returns the inputs of the next step. */
  #writeState(
    live: readonly LiveRow[],
    sampling: SamplingOptions,
  ): Record<string, Int32Array | Float32Array> {
    const of = (value: (row: LiveRow) => number) =>
      Int32Array.from(live, value);
    this.#session.write(
      STATE.tokens,
      of(({ row, ids }) => ids.at(-1) ?? row.prompt[row.prompt.length - 1]),
    );
    this.#session.write(STATE.places, of(placeOf));
    return {
      index: of(({ slot }) => slot),
      counts: of(() => 1),
      keys: of(({ row }) => hash32(sampling.seed, row.key)),
      sampling: optionsOf(live.map(() => sampling)),
      row_keys: new Int32Array(live.length),
    };
  }

  /** Runs steps and reads their tokens. */
  async #decode(
    live: readonly LiveRow[],
    { steps, inputs }: {
      steps: number;
      inputs: Record<string, Int32Array | Float32Array>;
    },
  ): Promise<void> {
    const first = live.map(placeOf);
    const extents = { B: live.length, T: 1 };
    for (let step = 0; step < steps; step++) {
      this.#session.run("decode", extents, step === 0 ? inputs : {});
    }
    const ring = await this.#session.readIntegers(STATE.ring);
    for (let step = 0; step < steps; step++) {
      live.forEach((own, b) => {
        if (own.finish !== null) return; // what follows an end is dropped
        const slot = (first[b] + 1 + step) % RING_STEPS;
        take(own, ring[slot * this.limits.rows + b]);
      });
    }
  }
}

/** Place of the token that a row's next step reads. */
function placeOf({ row, ids }: LiveRow): number {
  return row.prompt.length - 1 + ids.length;
}

function take(own: LiveRow, id: number): void {
  own.ids.push(id);
  if (own.row.onToken(id)) own.finish = "stop";
  else if (own.ids.length >= own.most) {
    own.finish = own.most === own.row.maxNewTokens ? "length" : "capacity";
  }
}
