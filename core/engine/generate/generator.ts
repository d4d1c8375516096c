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
import type { LayerState } from "../../contracts/model.ts";
import type { Session } from "../session.ts";
import { CallQueue } from "../../call_queue.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type {
  GeneratedRow,
  GenerationRow,
  RowGenerator,
  SubmittedRow,
} from "./generation_row.ts";
import type { GenerationLimits } from "./programs.ts";
import { RunningBatch } from "./running_batch.ts";
import { changesLogits, type SamplingOptions } from "./sampling.ts";

/** Decodes rows on a session that holds the programs of `planGeneration`. */
export class Generator implements RowGenerator {
  readonly limits: GenerationLimits;
  readonly #batch: RunningBatch;
  /** Calls of `generate` are answered one at a time, so that none changes the bits of another. */
  readonly #calls = new CallQueue();

  constructor(
    session: Session,
    options: {
      limits: GenerationLimits;
      vocabSize: number;
      /** What the layers keep. */
      states: readonly LayerState[];
    },
  ) {
    this.limits = options.limits;
    this.#batch = new RunningBatch(session, options);
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
    const order = [...rows.keys()]
      .filter((i) => rows[i].maxNewTokens > 0)
      .sort((a, b) => rows[a].prompt.length - rows[b].prompt.length || a - b);
    // one that fails ends all of the call
    const ended = new AbortController();
    const either = signal === undefined
      ? ended.signal
      : AbortSignal.any([signal, ended.signal]);
    const found = this.#batch.add(
      order.map((i) => ({ ...rows[i], sampling, signal: either })),
      { readsAtOnce: true },
    );
    try {
      const generated = await Promise.all(found);
      order.forEach((i, n) => results[i] = generated[n]);
    } finally {
      ended.abort();
      await Promise.allSettled(found);
    }
    return results;
  }

  /** Forgets earlier prompts: to be called when weights were written. */
  forget(): void {
    this.#batch.forget();
  }

  /** Continues one row together with whichever others are there. */
  async submit(row: SubmittedRow): Promise<GeneratedRow> {
    const { capacity } = this.limits;
    if (row.prompt.length === 0 || row.prompt.length > capacity) {
      throw new RangeError(
        `The prompt has ${row.prompt.length} tokens; 1 to ${capacity} fit`,
      );
    }
    const needsLogits = row.scoresPrompt === true || row.top != null ||
      row.constraint !== undefined || changesLogits(row.sampling);
    if (needsLogits && this.limits.logits !== true) {
      throw new ConfigError(
        "Log-probabilities, constraints, biases and penalties of presence and frequency need the logits: load the model with `logits: true`",
      );
    }
    if (row.maxNewTokens <= 0 && row.scoresPrompt !== true) {
      return { ids: [], finish: "length" };
    }
    return await this.#batch.add([row], { readsAtOnce: false })[0];
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
}
