/**
 * Rows that are continued together: they join when a slot is free and leave when they end, fail or are aborted.
 *
 * ```text
 * waiting ─► a slot ─► prompt is read ─► a token a step, with all others ─► ended; the slot is free
 * ```
 *
 * One loop runs while there are rows. What it asks of the device depends on the rows alone, so that rows that are
 * added together, where nothing else runs, become the same in every bit.
 * @module
 */
import type { LayerState } from "../../contracts/model.ts";
import type { Session } from "../session.ts";
import { wordsOfBits } from "../../graph/kernels/mod.ts";
import type { GeneratedRow, SubmittedRow } from "./generation_row.ts";
import {
  isAborted,
  keyOf,
  type LiveRow,
  placeOf,
  toRead,
  type WaitingRow,
} from "./live_row.ts";
import {
  alwaysReadsLogits,
  choosesOnHost,
  constrained,
  readsLogits,
  take,
} from "./next_token.ts";
import {
  type GenerationLimits,
  logitsOf,
  RING_STEPS,
  STATE,
} from "./programs.ts";
import { PromptReader } from "./prompt_reader.ts";
import { optionsOf } from "./sampling.ts";
import { SlotPrefixes } from "./slot_prefixes.ts";

/** The rows of one session that holds the programs of `planGeneration`. */
export class RunningBatch {
  readonly #session: Session;
  readonly #limits: GenerationLimits;
  readonly #vocabSize: number;
  /** Most steps that are enqueued before their tokens are read. */
  readonly #mostAhead: number;
  #waiting: WaitingRow[] = [];
  /** Rows whose prompts are being read. */
  #joining: LiveRow[] = [];
  #live: LiveRow[] = [];
  #free: number[];
  readonly #prefixes: SlotPrefixes;
  readonly #prompts: PromptReader;
  /** Tokens of the longest answer since the batch was last empty. */
  #longest = 1;
  /** Whether the next step of decoding needs all of its inputs. */
  #changed = true;
  #isRunning = false;

  constructor(
    session: Session,
    options: {
      limits: GenerationLimits;
      vocabSize: number;
      states: readonly LayerState[];
    },
  ) {
    this.#session = session;
    const { rows, capacity } = options.limits;
    this.#free = Array.from({ length: rows }, (_, slot) => slot);
    this.#prefixes = new SlotPrefixes(session, { ...options, rows, capacity });
    this.#prompts = new PromptReader(session, {
      ...options,
      prefixes: this.#prefixes,
    });
    this.#limits = options.limits;
    this.#vocabSize = options.vocabSize;
    this.#mostAhead = session.device.info.readsAreCostly === true
      ? RING_STEPS
      : 1;
  }

  /** Adds rows in this order; for each what it becomes. */
  add(
    rows: readonly SubmittedRow[],
    { readsAtOnce }: { readonly readsAtOnce: boolean },
  ): Promise<GeneratedRow>[] {
    const results = rows.map((row) => {
      const { promise, resolve, reject } = Promise.withResolvers<
        GeneratedRow
      >();
      this.#waiting.push({ row, readsAtOnce, resolve, reject });
      return promise;
    });
    if (!this.#isRunning && this.#waiting.length > 0) void this.#run();
    return results;
  }

  /** Forgets what slots hold: the weights are others. Not while rows are being continued. */
  forget(): void {
    this.#prefixes.forget();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#longest = 1;
    this.#changed = true;
    try {
      do await this.#round(); while (this.#leave());
    } catch (reason) {
      const all = [...this.#waiting, ...this.#joining, ...this.#live];
      this.#free.push(
        ...[...this.#joining, ...this.#live].map(({ slot }) => slot),
      );
      [this.#waiting, this.#joining, this.#live] = [[], [], []];
      this.#prefixes.forget();
      for (const { reject } of all) reject(reason);
    }
    this.#isRunning = false;
  }

  /** New rows get slots, prompts are read, and each live row gets tokens. */
  async #round(): Promise<void> {
    for (const waiting of [...this.#waiting]) {
      if (this.#free.length === 0) break;
      if (isAborted(waiting.row) || this.#isBeingRead(waiting)) continue;
      this.#joining.push(await this.#join(waiting));
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
    }
    // others wait for tokens, but for rows that are read at once
    const oneChunk = this.#live.length > 0 &&
      !this.#joining.some(({ readsAtOnce }) => readsAtOnce);
    const hasRead = await this.#prompts.read(this.#joining, { oneChunk });
    if (hasRead) this.#changed = true; // programs share the buffers of their inputs
    const ready = this.#joining.filter((row) => toRead(row) === 0);
    if (ready.length > 0) {
      this.#joining = this.#joining.filter((row) => toRead(row) > 0);
      // a row whose prompt is scored, and which gets no token, has ended
      for (const own of ready) if (own.most === 0) own.finish = "length";
      this.#live.push(...ready);
      this.#changed = true;
    }
    const live = this.#live.filter(({ finish }) => finish === null);
    if (live.length === 0) return;
    // no more than the longest answer so far, so that what is wasted behind a stop stays short; and for no row
    // more than it can get: it has no place for them
    const steps = live.some(readsLogits) ? 1 : Math.min(
      this.#mostAhead,
      this.#longest,
      ...live.map(({ ids, most }) => most - ids.length),
    );
    await this.#decode(live, steps);
    for (const { ids } of live) {
      this.#longest = Math.max(this.#longest, ids.length);
    }
  }

  /** Takes out the rows that ended; whether any is left. */
  #leave(): boolean {
    const stays = (own: LiveRow): boolean => {
      if (own.failure === null && own.finish === null && isAborted(own.row)) {
        own.failure = { reason: own.row.signal?.reason };
      }
      if (own.failure === null && own.finish === null) return true;
      this.#free.push(own.slot);
      if (own.failure !== null) own.reject(own.failure.reason);
      else {
        own.resolve({
          ids: own.ids,
          finish: own.finish ?? "length",
          ...(own.row.scoresPrompt === true ? { prompt: own.scores } : {}),
          reused: own.reused,
        });
      }
      return false;
    };
    const before = this.#live.length;
    this.#joining = this.#joining.filter(stays);
    this.#live = this.#live.filter(stays);
    if (this.#live.length !== before) this.#changed = true;
    this.#waiting = this.#waiting.filter(({ row, reject }) => {
      if (!isAborted(row)) return true;
      reject(row.signal?.reason);
      return false;
    });
    return this.#waiting.length + this.#joining.length + this.#live.length > 0;
  }

  /** Whether the beginning of a prompt is being read for another row: it is then read once for both. */
  #isBeingRead({ row, readsAtOnce }: WaitingRow): boolean {
    if (readsAtOnce || row.scoresPrompt === true) return false;
    return this.#joining.some((other) =>
      other.read < this.#prefixes.sharedWith(row.prompt, other.row.prompt)
    );
  }

  async #join(waiting: WaitingRow): Promise<LiveRow> {
    const { prompt, maxNewTokens, scoresPrompt } = waiting.row;
    // scores need all logits of the prompt; rows that are read at once keep their bits
    const readsAll = waiting.readsAtOnce || scoresPrompt === true;
    const { slot, tokens: read } = readsAll
      ? { slot: this.#free[0], tokens: 0 }
      : await this.#prefixes.begin(prompt, this.#free);
    this.#free = this.#free.filter((one) => one !== slot);
    this.#prefixes.hold(slot, prompt.subarray(0, read));
    // a token must be read to choose another, and needs a place for it: the last one does not
    const room = this.#limits.capacity - prompt.length + 1;
    const own: LiveRow = {
      ...waiting,
      slot,
      ids: [],
      most: Math.min(maxNewTokens, room),
      read,
      reused: read,
      pause: readsAll
        ? prompt.length - 1
        : this.#prefixes.pauseOf(prompt, read),
      scores: [],
      finish: null,
      failure: null,
    };
    if (own.row.sampling.repetitionPenalty !== 1) {
      this.#markSeen(prompt, own.slot);
    }
    return own;
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
  ): Record<string, Int32Array | Float32Array> {
    const of = (value: (row: LiveRow) => number) =>
      Int32Array.from(live, value);
    this.#writeTokens(live);
    this.#session.write(STATE.places, of(placeOf));
    return {
      index: of(({ slot }) => slot),
      counts: of(() => 1),
      keys: of(keyOf),
      sampling: optionsOf(live.map(({ row }) => row.sampling)),
      row_keys: new Int32Array(live.length),
    };
  }

  #writeTokens(live: readonly LiveRow[]): void {
    this.#session.write(
      STATE.tokens,
      Int32Array.from(
        live,
        ({ row, ids }) => ids.at(-1) ?? row.prompt[row.prompt.length - 1],
      ),
    );
  }

  /** Runs steps and reads their tokens. */
  async #decode(live: readonly LiveRow[], steps: number): Promise<void> {
    const inputs = this.#changed ? this.#writeState(live) : {};
    this.#changed = false;
    const first = live.map(placeOf);
    const extents = { B: live.length, T: 1 };
    for (let step = 0; step < steps; step++) {
      this.#session.run("decode", extents, step === 0 ? inputs : {});
    }
    const V = this.#vocabSize;
    const [ring, read] = await Promise.all([
      this.#session.readIntegers(STATE.ring),
      live.some(alwaysReadsLogits)
        ? logitsOf(this.#session, "decode", extents)
        : null,
    ]);
    const chosenOf = (b: number, step: number) =>
      ring[(first[b] + 1 + step) % RING_STEPS * this.#limits.rows + b];
    // constrained rows run one step at a time
    const choices = live.map((own, b) => constrained(own, chosenOf(b, 0), V));
    const logits = read === null && choices.some((c) => c?.id === null)
      ? await logitsOf(this.#session, "decode", extents)
      : read;
    for (let step = 0; step < steps; step++) {
      live.forEach((own, b) => {
        // what follows an end is dropped
        if (own.finish !== null || own.failure !== null) return;
        take(own, {
          chosen: chosenOf(b, step),
          choice: choices[b],
          logits: readsLogits(own)
            ? logits?.subarray(b * V, (b + 1) * V) ?? null
            : null,
        });
      });
    }
    const isOther = live.some((own, b) =>
      choosesOnHost(own) && own.ids.at(-1) !== chosenOf(b, 0)
    );
    for (const own of live) {
      // steps that were enqueued behind an end have read tokens that are not the row's
      if (own.finish === null || steps > 1) this.#prefixes.advance(own.slot);
      else {
        const { row: { prompt }, ids } = own;
        this.#prefixes.hold(own.slot, [...prompt, ...ids.slice(0, -1)]);
      }
    }
    if (isOther) this.#writeTokens(live);
  }
}
