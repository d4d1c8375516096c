/**
 * Answers of two states of a model on one device, one after the other: what was trained, and what a file holds.
 * Greedy ids, and the log-probability of each token of prompt and answer.
 * @module
 */
import type { Device } from "../../contracts/backend.ts";
import type { Exporter } from "../../contracts/exporter.ts";
import type { WeightSpec } from "../../contracts/model.ts";
import { scoreTexts, type TokenizedText } from "../../engine/score.ts";
import type { Session } from "../../engine/session.ts";
import type { SavedDecoding } from "../../run/decoding_mark.ts";
import type { OpenedModel } from "../../run/open/opened_model.ts";
import type { BoundAdapter } from "../adapters.ts";
import type { BaseStorage } from "../base_storage.ts";
import { Switching } from "../switching.ts";
import type { TrainedPrompt } from "./trained_prompts.ts";

/** One state of the model. */
export interface ModelState {
  readonly model: OpenedModel;
  readonly adapter: BoundAdapter | null;
  readonly storage: BaseStorage;
  /** Writes the base weights; absent: those of the model's folder. */
  load?(weights: readonly WeightSpec[], session: Session): Promise<void>;
  /** Writes over what was loaded: an adapter that was read back. */
  overwrite?(session: Session): Promise<void>;
}

/** What answers are made with. */
export interface Asking {
  readonly prompts: readonly TrainedPrompt[];
  readonly maxNewTokens: number;
  readonly ends: ReadonlySet<number>;
  readonly decoding: SavedDecoding;
  readonly device: Device;
  readonly signal?: AbortSignal;
}

/** What the trained model answers. */
export interface TrainedAnswers {
  /** Greedy ids of each prompt, the end token included. */
  readonly answers: readonly (readonly number[])[];
  /** Log-probabilities of the tokens of prompt and answer but the first. */
  readonly logProbabilities: readonly ArrayLike<number>[];
}

/** The figures of the comparison. */
export interface AnswerFigures {
  /** Prompts that were answered. */
  readonly prompts: number;
  /** Tokens whose log-probability was compared. */
  readonly tokens: number;
  /** How far it moved on average, in nats. */
  readonly mean_log_probability_error: number;
  /** How far it moved at most. */
  readonly largest_log_probability_error: number;
  /** Nats that the mean may have. */
  readonly allowed: number;
  /** Prompts whose greedy ids are all equal. */
  readonly equal_answers: number;
  /** Mean log-probability of the tokens, as trained and in the file. */
  readonly mean_log_probability: readonly [trained: number, file: number];
}

/** Asks the model that was trained. */
export async function trainedAnswers(
  state: ModelState,
  asking: Asking,
): Promise<TrainedAnswers> {
  return await withEngine(state, asking, async (switching) => {
    const answers = await greedy(switching, asking);
    const texts = asking.prompts.map((p, i) => textOf(p, answers[i]));
    const scores = await scoreTexts(
      texts,
      switching.engine.session,
      asking.signal,
    );
    return {
      answers,
      logProbabilities: scores.map((s) => s.logProbabilities),
    };
  });
}

/** Asks the model of a file the same; `faults` gets what it answers otherwise. */
export async function compareAnswers(
  state: ModelState,
  asking: Asking,
  { trained, exporter, faults }: {
    readonly trained: TrainedAnswers;
    readonly exporter: Pick<Exporter, "drift">;
    readonly faults: string[];
  },
): Promise<AnswerFigures> {
  const { prompts, signal } = asking;
  return await withEngine(state, asking, async (switching) => {
    const answers = await greedy(switching, asking);
    const score = async (texts: readonly TokenizedText[]) =>
      await scoreTexts(texts, switching.engine.session, signal);
    const scores = await score(
      prompts.map((p, i) => textOf(p, trained.answers[i])),
    );
    const moved = movedBy(
      scores.map((s) => s.logProbabilities),
      trained.logProbabilities,
    );
    const { drift } = exporter;
    if (!(moved.mean <= drift) || !(moved.largest <= 10 * drift)) {
      faults.push(
        `the log-probabilities of the file differ by ${
          short(moved.mean)
        } nats on average and ${short(moved.largest)} at most, where ${
          short(drift)
        } and ${
          short(10 * drift)
        } are allowed: a setting of the model is not as it was trained, or the quantisation costs too much`,
      );
    }
    // where two tokens are as good as equally likely, rounding decides: no fault
    const slack = 2 * Math.max(moved.largest, drift);
    let equal = 0;
    for (const [i, prompt] of prompts.entries()) {
      const [a, b] = [answers[i], trained.answers[i]];
      const at = firstDifference(a, b);
      if (at < 0) {
        equal++;
        continue;
      }
      if (a[at] !== undefined && b[at] !== undefined) {
        const before = [...prompt.ids, ...b.slice(0, at)];
        const [file, own] = await score(
          [a[at], b[at]].map((id) => ({
            ids: Int32Array.from([...before, id]),
            from: before.length,
          })),
        );
        const gap = file.logProbabilities[0] - own.logProbabilities[0];
        if (gap <= slack) continue;
      }
      faults.push(
        `the greedy answer of the file to prompt ${i + 1} (${
          JSON.stringify(prompt.text.slice(-40))
        }) has the id ${a[at] ?? "(end)"} as token ${at + 1}, where ${
          b[at] ?? "(end)"
        } was trained`,
      );
    }
    return {
      prompts: prompts.length,
      tokens: moved.tokens,
      mean_log_probability_error: moved.mean,
      largest_log_probability_error: moved.largest,
      allowed: drift,
      equal_answers: equal,
      mean_log_probability: [moved.wanted, moved.found],
    };
  });
}

/** The index of the first element that differs; -1: none does. */
export function firstDifference(
  a: readonly number[],
  b: readonly number[],
): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

async function withEngine<T>(
  state: ModelState,
  { prompts, maxNewTokens, decoding, device }: Asking,
  body: (switching: Switching) => Promise<T>,
): Promise<T> {
  const { model, adapter, storage, load, overwrite } = state;
  const capacity = Math.min(
    Math.max(...prompts.map(({ ids }) => ids.length)) + maxNewTokens + 1,
    model.spec.maxPositions ?? Infinity,
  );
  await using switching = new Switching({
    model,
    device,
    storage,
    decoding,
    load,
    limits: () => ({
      generate: {
        rows: prompts.length,
        capacity,
        prefill: Math.min(256, capacity),
      },
      score: capacity,
    }),
  });
  await switching.to(adapter);
  await overwrite?.(switching.engine.session);
  return await body(switching);
}

async function greedy(
  { engine: { generator } }: Switching,
  { prompts, maxNewTokens, ends, signal }: Asking,
): Promise<(readonly number[])[]> {
  if (generator === null) throw new RangeError("Not planned for generation");
  const rows = await generator.generate(
    prompts.map(({ ids }, key) => ({
      prompt: ids,
      maxNewTokens,
      key,
      onToken: (id) => ends.has(id),
      ends,
    })),
    {
      temperature: 0,
      topK: null,
      topP: 1,
      repetitionPenalty: 1,
      seed: 0,
    },
    signal,
  );
  return rows.map(({ ids }) => ids);
}

function textOf(
  { ids }: TrainedPrompt,
  answer: readonly number[],
): TokenizedText {
  return { ids: Int32Array.from([...ids, ...answer]), from: 1 };
}

function movedBy(
  found: readonly ArrayLike<number>[],
  wanted: readonly ArrayLike<number>[],
): {
  readonly tokens: number;
  readonly mean: number;
  readonly largest: number;
  readonly found: number;
  readonly wanted: number;
} {
  let [tokens, sum, largest, sumFound, sumWanted] = [0, 0, 0, 0, 0];
  wanted.forEach((row, i) => {
    for (let t = 0; t < row.length; t++) {
      const off = Math.abs(found[i][t] - row[t]);
      sum += off;
      // what is no number stays
      if (!(off <= largest) && largest >= 0) largest = off;
      sumFound += found[i][t];
      sumWanted += row[t];
      tokens++;
    }
  });
  return {
    tokens,
    mean: sum / tokens,
    largest,
    found: sumFound / tokens,
    wanted: sumWanted / tokens,
  };
}

function short(x: number): string {
  return Number.isFinite(x) ? String(Number(x.toPrecision(3))) : String(x);
}
