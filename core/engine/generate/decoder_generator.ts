/**
 * Continues rows by a decoder of an objective's own, over the program `predict`.
 * @module
 */
import { CallQueue } from "../../call_queue.ts";
import type {
  DecodeOptions,
  Decoder,
  DecodingModel,
  Prediction,
  PredictRow,
} from "../../contracts/decoder.ts";
import { ConfigError, PluginError } from "../../contracts/errors.ts";
import { hash32 } from "../../random.ts";
import type { Session } from "../session.ts";
import type {
  Finish,
  GeneratedRow,
  GenerationRow,
  RowGenerator,
  SubmittedRow,
} from "./generation_row.ts";
import { predictionLimits } from "./prediction.ts";
import type { GenerationLimits } from "./programs.ts";
import { changesLogits, optionsOf, type SamplingOptions } from "./sampling.ts";

/** Decodes rows on a session that holds the program of `planPrediction`. */
export class DecoderGenerator implements RowGenerator {
  readonly limits: GenerationLimits;
  readonly #session: Session;
  readonly #decoder: Decoder;
  /** The objective that brought the decoder, for messages. */
  readonly #described: string;
  readonly #vocabSize: number;
  readonly #calls = new CallQueue();
  #waiting: {
    readonly row: SubmittedRow;
    resolve(result: GeneratedRow): void;
    reject(reason: unknown): void;
  }[] = [];

  constructor(session: Session, options: {
    readonly decoder: Decoder;
    readonly described: string;
    readonly limits: GenerationLimits;
    readonly vocabSize: number;
  }) {
    this.#session = session;
    this.#decoder = options.decoder;
    this.#described = options.described;
    this.limits = options.limits;
    this.#vocabSize = options.vocabSize;
  }

  /** Answers rows by the decoder. Throws `PluginError` for answers that are none. */
  generate(
    rows: readonly GenerationRow[],
    sampling: SamplingOptions,
    signal?: AbortSignal,
  ): Promise<GeneratedRow[]> {
    return this.#calls.run(() => this.#generate(rows, sampling, signal));
  }

  /**
   * Answers a row together with others that wait and are drawn alike: a decoder writes whole rows, so that none joins
   * those that are being written.
   */
  async submit(row: SubmittedRow): Promise<GeneratedRow> {
    if (
      row.scoresPrompt === true || row.top != null ||
      row.constraint !== undefined || changesLogits(row.sampling)
    ) {
      throw new ConfigError(
        `The ${this.#described} decodes in its own way, which knows no log-probabilities, constraints, biases or penalties of presence and frequency`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<GeneratedRow>();
    this.#waiting.push({ row, resolve, reject });
    void this.#calls.run(() => this.#answerWaiting());
    return await promise;
  }

  /** Nothing is kept of earlier prompts. */
  forget(): void {}

  /** Answers the first row that waits, with those that are drawn alike, as many as fit. */
  async #answerWaiting(): Promise<void> {
    const [first] = this.#waiting;
    if (first === undefined) return; // answered with one before it
    const { sampling } = first.row;
    const alike = JSON.stringify(sampling);
    const batch = this.#waiting
      .filter(({ row }) => JSON.stringify(row.sampling) === alike)
      .slice(0, this.limits.rows);
    this.#waiting = this.#waiting.filter((own) => !batch.includes(own));
    const open = batch.filter(({ row: { signal }, reject }) => {
      if (signal?.aborted !== true) return true;
      reject(signal.reason);
      return false;
    });
    // it goes on while anybody still waits for it
    const controller = new AbortController();
    for (const { row, reject } of open) {
      row.signal?.addEventListener("abort", () => {
        reject(row.signal?.reason);
        if (open.every(({ row }) => row.signal?.aborted === true)) {
          controller.abort(row.signal?.reason);
        }
      });
    }
    try {
      const rows = open.map(({ row }) => row);
      const found = await this.#generate(rows, sampling, controller.signal);
      open.forEach(({ resolve }, i) => resolve(found[i]));
    } catch (reason) {
      for (const { reject } of open) reject(reason);
    }
  }

  async #generate(
    rows: readonly GenerationRow[],
    sampling: SamplingOptions,
    signal: AbortSignal | undefined,
  ): Promise<GeneratedRow[]> {
    if (sampling.repetitionPenalty !== 1) {
      throw new ConfigError(
        `The ${this.#described} decodes in its own way, which knows no repetition penalty; leave it at 1`,
      );
    }
    const { capacity } = this.limits;
    const asked = rows.map(({ prompt, maxNewTokens, key, ends }) => {
      if (prompt.length === 0 || prompt.length >= capacity) {
        throw new RangeError(
          `A prompt has ${prompt.length} tokens; between 1 and ${
            capacity - 1
          } fit, with an answer`,
        );
      }
      return {
        prompt,
        maxNewTokens: Math.min(maxNewTokens, capacity - prompt.length),
        key: hash32(sampling.seed, key),
        ends: ends ?? new Set<number>(),
      };
    });
    const { temperature, topK, topP } = sampling;
    const answers = await this.#decoder.decode(asked, this.#model(signal), {
      temperature,
      topK,
      topP,
      signal,
      onDraft: (ids, row) => rows[row].onDraft?.(ids),
    });
    if (answers.length !== rows.length) {
      this.#fail(`${answers.length} answers to ${rows.length} prompts`);
    }
    return rows.map((row, i) => {
      const { maxNewTokens } = asked[i];
      const isWhole = maxNewTokens === row.maxNewTokens;
      const answer = this.#checked(answers[i], maxNewTokens, i);
      return taken(row, answer, isWhole ? "length" : "capacity");
    });
  }

  #checked(ids: readonly number[], most: number, row: number) {
    if (ids.length > most) {
      this.#fail(`${ids.length} tokens for row ${row}, which may have ${most}`);
    }
    const bad = ids.find((id) =>
      !(Number.isInteger(id) && id >= 0 && id < this.#vocabSize)
    );
    if (bad !== undefined) {
      this.#fail(
        `the token ${bad} for row ${row}; the model has ${this.#vocabSize}`,
      );
    }
    return ids;
  }

  #fail(what: string): never {
    throw new PluginError(`\`decode\` of the ${this.#described} gave ${what}`);
  }

  #model(signal: AbortSignal | undefined): DecodingModel {
    return {
      vocabSize: this.#vocabSize,
      capacity: this.limits.capacity,
      predict: (rows, options) => this.#predict(rows, options, signal),
    };
  }

  /** Runs rows, as many at a time as fit; a row with more places than fit is run again for the rest. */
  async #predict(
    rows: readonly PredictRow[],
    options: DecodeOptions,
    signal: AbortSignal | undefined,
  ): Promise<Prediction[]> {
    const most = predictionLimits(this.limits, {
      vocabSize: this.#vocabSize,
      guided: this.#decoder.guidance !== undefined,
    });
    const names = Object.keys(this.#decoder.statistics);
    const found = rows.map(({ at }) => ({
      ids: new Int32Array(at.length),
      statistics: Object.fromEntries(
        names.map((name) => [name, new Float32Array(at.length)]),
      ),
    }));
    for (const batch of batches(rows, most)) {
      signal?.throwIfAborted();
      const { extents, inputs } = this.#layOut(rows, batch, options);
      this.#session.run("predict", extents, inputs);
      const read = (name: string) =>
        this.#session.output("predict", name, extents);
      const ids = await read("ids");
      const statistics = new Map<string, Float32Array | Int32Array>();
      for (const name of names) statistics.set(name, await read(name));
      let r = 0;
      for (const { row, from, to } of batch) {
        found[row].ids.set(ids.subarray(r, r + to - from), from);
        for (const [name, values] of statistics) {
          found[row].statistics[name].set(
            values.subarray(r, r + to - from),
            from,
          );
        }
        r += to - from;
      }
    }
    return found;
  }

  #unguided(tokens: Int32Array, unguided: Int32Array | undefined) {
    if (unguided?.length === tokens.length) return unguided;
    throw new PluginError(
      `\`decode\` of the ${this.#described} asked for a row of ${tokens.length} tokens with guidance, and gave ${
        unguided?.length ?? "no"
      } tokens as \`unguided\`; expected as many`,
    );
  }

  #layOut(
    rows: readonly PredictRow[],
    batch: readonly Stretch[],
    options: DecodeOptions,
  ) {
    // with guidance, row b is followed by itself without its prompt
    const guided = this.#decoder.guidance !== undefined;
    const each = guided ? 2 : 1;
    const B = batch.length * each;
    const T = Math.max(...batch.map(({ row }) => rows[row].tokens.length));
    const N = B * T;
    const inputs = {
      tokens: new Int32Array(N), // (B, T)
      positions: new Int32Array(N), // (B, T)
      segments: new Int32Array(N), // (B, T)
      row_keys: new Int32Array(N), // (B, T)
    };
    const places: number[] = [];
    const keys: number[] = [];
    const numbers: number[] = [];
    const write = (tokens: Int32Array, b: number) => {
      inputs.tokens.set(tokens, b * T);
      inputs.segments.fill(1, b * T, b * T + tokens.length);
      for (let t = 0; t < tokens.length; t++) inputs.positions[b * T + t] = t;
    };
    batch.forEach(({ row, from, to }, n) => {
      const { tokens, at, key, unguided } = rows[row];
      const b = n * each;
      write(tokens, b);
      if (guided) write(this.#unguided(tokens, unguided), b + 1);
      for (const place of at.subarray(from, to)) {
        places.push(b * T + place);
        keys.push(key);
        numbers.push(place);
      }
    });
    return {
      extents: { B, T, R: places.length },
      inputs: {
        ...inputs,
        rows: Int32Array.from(places),
        place_keys: Int32Array.from(keys),
        place_numbers: Int32Array.from(numbers),
        place_slots: new Int32Array(places.length),
        place_sampling: optionsOf(
          places.map(() => ({ ...options, repetitionPenalty: 1 })),
        ),
        ...(guided
          ? { unguided_rows: Int32Array.from(places, (at) => at + T) }
          : {}),
      },
    };
  }
}

/** Places `from` to before `to` of those that a row asks for. */
interface Stretch {
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

/** Rows in batches of so many rows and places. */
function batches(
  rows: readonly PredictRow[],
  most: { readonly rows: number; readonly places: number },
): Stretch[][] {
  const found: Stretch[][] = [];
  let places = Infinity;
  for (const [row, { at }] of rows.entries()) {
    for (let from = 0; from < at.length;) {
      let batch = found.at(-1);
      if (
        batch === undefined || batch.length >= most.rows ||
        places >= most.places
      ) {
        found.push(batch = []);
        places = 0;
      }
      const to = Math.min(at.length, from + most.places - places);
      batch.push({ row, from, to });
      places += to - from;
      from = to;
    }
  }
  return found;
}

/** The answer up to where the row ends it. */
function taken(
  row: GenerationRow,
  answer: readonly number[],
  otherwise: Finish,
): GeneratedRow {
  const ids: number[] = [];
  for (const id of answer) {
    ids.push(id);
    if (row.onToken(id)) return { ids, finish: "stop" };
  }
  return { ids, finish: otherwise };
}
