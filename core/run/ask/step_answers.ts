/**
 * What an objective that asks trains on: the examples of a step become questions, and what it makes of the answers
 * becomes the batches of the step.
 *
 * ```text
 * batches ─► examples ─► asks ─► answers ─► make ─► examples ─► collator ─► batches, with the loss's own inputs
 * ```
 *
 * All of it is a function of the weights, the step and its examples: nothing of it is in a checkpoint.
 * @module
 */
import type {
  AskedExample,
  AskKey,
  MadeExample,
  ObjectiveAsk,
} from "../../contracts/ask.ts";
import type {
  Batch,
  Collator,
  CollatorLimits,
  WeightedExample,
} from "../../contracts/collator.ts";
import type { Asked } from "../../contracts/evaluator.ts";
import type {
  Inputs,
  Objective,
  ObjectiveLoss,
  StepKey,
} from "../../contracts/objective.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { callPart } from "../../config/parts/call_part.ts";
import { PluginError } from "../../contracts/errors.ts";
import { checkPlan } from "../../data/check_plan.ts";
import { hash32 } from "../../random.ts";
import { checkAsked } from "../evaluation/evaluators.ts";
import {
  addSaid,
  type Answerer,
  nothingSaid,
  openFor,
  repliesTo,
} from "./said.ts";

/** A batch, and the inputs of the loss that came with its examples. */
export interface AnsweredBatch {
  readonly batch: Batch;
  readonly own: NonNullable<Inputs["own"]>;
}

/** What an objective lays out of a batch, and what came with its examples. */
export function inputsOf(
  objective: Objective,
  { batch, own }: AnsweredBatch,
  key: StepKey,
): Inputs {
  const inputs = objective.inputs(batch, key);
  return Object.keys(own).length === 0
    ? inputs
    : { ...inputs, own: { ...own, ...inputs.own } };
}

/** The inputs of a loss that come with the examples of a batch, given in the order of their tokens. */
export function ownInputs(
  examples: readonly Pick<MadeExample, "own">[],
  loss: ObjectiveLoss | null,
): AnsweredBatch["own"] {
  const names = Object.entries(loss?.inputs ?? {})
    .filter(([, { per }]) => per === "sequence" || per === "group")
    .map(([name]) => name)
    .filter((name) => examples.some(({ own }) => own?.[name] !== undefined));
  return Object.fromEntries(
    names.map((name) => [
      name,
      Float32Array.from(examples.flatMap(({ own }) => own?.[name] ?? [])),
    ]),
  );
}

/** What an objective asks with. */
export interface StepAnswersOptions {
  readonly ask: ObjectiveAsk;
  /** The objective and its plugin, in messages. */
  readonly described: string;
  readonly loss: ObjectiveLoss | null;
  readonly tokenizer: Tokenizer;
  readonly collator: Collator;
  /** Of the run: the seed is that of the run. */
  readonly limits: CollatorLimits;
  /** The model that is trained; its seed is the run's. */
  readonly answerer: Answerer;
  /** Runs `body` while the base answers. */
  onBase<T>(body: () => Promise<T>): Promise<T>;
}

/** Answers to the questions of an objective, step by step. */
export class StepAnswers {
  readonly #o: StepAnswersOptions;

  constructor(options: StepAnswersOptions) {
    this.#o = options;
  }

  /** The batches of a step after the model has answered. Throws our errors, and the signal's reason. */
  async of(
    batches: readonly Batch[],
    key: AskKey,
    signal?: AbortSignal,
  ): Promise<AnsweredBatch[]> {
    const { ask, described } = this.#o;
    const examples = batches.flatMap((batch) => this.#examplesOf(batch));
    const asked = await callPart(
      { part: described, method: "ask.asks" },
      () => ask.asks(examples, key),
    );
    checkAsked(asked, { described });
    const replies = await this.#replies(asked, key, signal);
    const made = await callPart(
      { part: described, method: "ask.make" },
      () => ask.make({ ...key, ...replies, examples }),
    );
    this.#check(made, batches);
    return this.#layOut(made, key);
  }

  async #replies(asked: Asked, { step }: AskKey, signal?: AbortSignal) {
    const { answerer, onBase, limits } = this.#o;
    const seed = hash32(limits.seed, step);
    const now: Answerer = {
      asking: {
        ...answerer.asking,
        seed,
        mostTokens: limits.maxLength,
        signal,
      },
      score: (texts) => {
        const long = texts.find(({ ids }) => ids.length > limits.maxLength);
        if (long !== undefined) {
          this.#fail(
            "ask.asks",
            `a text of ${long.ids.length} tokens; data.max_length is ${limits.maxLength}`,
          );
        }
        return answerer.score(texts);
      },
    };
    const [tuned, base] = [nothingSaid(), nothingSaid()];
    await addSaid(tuned, openFor("tuned", [asked], { said: tuned, seed }), now);
    const open = openFor("base", [asked], { said: base, seed });
    if (open.length > 0) await onBase(() => addSaid(base, open, now));
    return repliesTo(asked, (of) => of === "base" ? base : tuned, seed);
  }

  /** The examples that a batch was made of. */
  #examplesOf(batch: Batch): AskedExample[] {
    const { tokenizer } = this.#o;
    const { B, T, segments, groups } = batch;
    const found: AskedExample[] = [];
    for (let b = 0; b < B; b++) {
      const end = (b + 1) * T;
      for (let from = b * T; from < end;) {
        if (segments[from] === 0) {
          from++;
          continue;
        }
        const belongs = groups ?? segments;
        let to = from;
        const lengths: number[] = [];
        while (to < end && belongs[to] === belongs[from]) {
          if (to === from || segments[to] !== segments[to - 1]) lengths.push(0);
          lengths[lengths.length - 1]++;
          to++;
        }
        const ids = batch.tokens.slice(from, to);
        const weights = batch.weights.slice(from, to);
        const first = weights.findIndex((weight) => weight !== 0);
        const prompt = ids.subarray(0, first < 0 ? ids.length : first);
        found.push({
          ids,
          weights,
          ...(lengths.length === 1 ? {} : { lengths }),
          source: batch.sources[from],
          prompt: [...prompt],
          promptText: tokenizer.decode(prompt),
          expected: tokenizer.decode(ids.filter((_, i) => weights[i] !== 0), {
            skipSpecialTokens: true,
          }),
        });
        from = to;
      }
    }
    return found;
  }

  /** Throws `PluginError` for examples that cannot be laid out. */
  #check(made: readonly MadeExample[], batches: readonly Batch[]): void {
    const { limits, loss } = this.#o;
    const sources = new Set(batches.flatMap(({ sources }) => [...sources]));
    for (
      const [i, { ids, weights, lengths, source, own = {} }] of made.entries()
    ) {
      const fail = (what: string) =>
        this.#fail("ask.make", `example ${i} with ${what}`);
      if (ids.length === 0 || ids.length !== weights.length) {
        fail(`${ids.length} tokens and ${weights.length} weights`);
      }
      if (ids.length > limits.maxLength) {
        fail(
          `${ids.length} tokens; data.max_length is ${limits.maxLength}, for all of its sequences together`,
        );
      }
      const total = (lengths ?? []).reduce((a, b) => a + b, 0);
      if (lengths !== undefined && total !== ids.length) {
        fail(`sequences of ${total} tokens, and ${ids.length} tokens`);
      }
      if (!sources.has(source)) {
        fail(`the source ${source}, which no example of the step is of`);
      }
      for (const [name, { per }] of Object.entries(loss?.inputs ?? {})) {
        if (per !== "sequence" && per !== "group") continue;
        const wanted = per === "group" ? 1 : lengths?.length ?? 1;
        const found = own[name]?.length ?? 0;
        if (found === wanted) continue;
        fail(
          `${found} numbers as \`${name}\`, which its loss reads per ${per}: ${wanted} are expected`,
        );
      }
    }
  }

  #fail(method: string, what: string): never {
    throw new PluginError(
      `\`${method}\` of the ${this.#o.described} gave ${what}`,
    );
  }

  /** Micro-batches of as many rows as those of the data have. */
  #layOut(made: readonly MadeExample[], { step }: AskKey): AnsweredBatch[] {
    if (made.length === 0) return [];
    const { collator, loss } = this.#o;
    const limits = {
      ...this.#o.limits,
      seed: hash32(this.#o.limits.seed, step),
    };
    const lengths = Int32Array.from(made, ({ ids }) => ids.length);
    const { offsets, members } = collator.plan(lengths, limits);
    checkPlan({ offsets, members }, made.length);
    const laidOut: AnsweredBatch[] = [];
    const rows = offsets.length - 1;
    for (let from = 0; from < rows; from += limits.batchSize) {
      const to = Math.min(rows, from + limits.batchSize);
      const inRow = (row: number) =>
        Array.from(
          members.subarray(offsets[row], offsets[row + 1]),
          (i) => made[i],
        );
      const taken = Array.from(
        { length: to - from },
        (_, r) => inRow(from + r),
      );
      const batch = collator.collate(
        taken.map((row, r) =>
          row.map(({ ids, weights, lengths, source }): WeightedExample => ({
            ids,
            weights,
            ...(lengths === undefined ? {} : { lengths }),
            source,
            row: from + r,
          }))
        ),
        limits,
      );
      laidOut.push({ batch, own: ownInputs(taken.flat(), loss) });
    }
    return laidOut;
  }
}
