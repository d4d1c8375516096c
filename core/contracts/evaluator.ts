/**
 * An evaluator measures a model in two steps: it says what it asks, then what it makes of the answers. The
 * engine answers each distinct question once, even if several evaluators ask it, with the tuned model or with its base.
 *
 * ```text
 * rows ─► asks ─► questions, texts ─► (the engine) ─► answers, scores ─► score ─► numbers, records, verdict
 * ```
 * @module
 */
import type { Example } from "./format.ts";
import type { Json } from "./json.ts";
import type { PromptRequest } from "./template.ts";

/** One evaluation row. */
export interface EvaluationRow {
  /** The example that it was made of. */
  readonly example: Example;
  /** The prompt, as it is shown to people. */
  readonly prompt: string;
  /** The prompt as a template takes it: all turns before the answer. */
  readonly request: PromptRequest;
  /** The expected answer. */
  readonly expected: string;
}

/** A prompt in words: a request that the run's template writes, or a text as it is. */
export type TextPrompt = PromptRequest | { readonly text: string };

/** What the model reads: a prompt in words, or tokens. */
export type Prompt = TextPrompt | { readonly ids: readonly number[] };

/** Which model is asked: the one that is trained, or the one that training began with. */
export type AskedModel = "tuned" | "base";

/** How answers are drawn. */
export interface Sampling {
  /** Most tokens of one answer. */
  readonly maxNewTokens: number;
  /** 0, the default: always the likeliest token. */
  readonly temperature?: number;
  /** Keep the k likeliest tokens; null, the default: all. */
  readonly topK?: number | null;
  /** Keep the likeliest tokens that together have this probability; 1, the default: all. */
  readonly topP?: number;
  /** Above 1: tokens seen before become less likely. 1, the default: off. */
  readonly repetitionPenalty?: number;
  /** Texts that end an answer, besides the template's. */
  readonly stop?: readonly string[];
  /** Answers to the same question, each drawn anew; 1 by default. */
  readonly n?: number;
  /** Key of the random numbers; the run's seed by default. */
  readonly seed?: number;
}

/** A question to the model. */
export interface Question {
  /** What it reads first. */
  readonly prompt: Prompt;
  /** What the user says next, after each answer: a conversation of several turns. */
  readonly turns?: readonly string[];
  /** How it answers. */
  readonly sampling: Sampling;
  /** The model that answers; `tuned` by default. */
  readonly of?: AskedModel;
}

/** One answer of the model. */
export interface Answer {
  /** What was answered, without the end; the last answer of a conversation. */
  readonly text: string;
  /** `stop`: an end token or a stop text; `length`: `maxNewTokens`, or the context is full. */
  readonly finish: "stop" | "length";
  /** Tokens of the prompt, as the template wrote it. */
  readonly promptTokens: number;
  /** The tokens written, the end included. */
  readonly ids: readonly number[];
  /** Answers to the turns before, in a conversation. */
  readonly earlier?: readonly string[];
}

/** A text whose tokens the model is to judge. */
export interface ScoredText {
  /** What is scored. */
  readonly text: string;
  /** What it follows, which is not scored; absent: nothing (or BOS, where the tokenizer adds it). */
  readonly after?: Prompt;
  /** The model that judges; `tuned` by default. */
  readonly of?: AskedModel;
}

/** What the model makes of a text: a number for each of its tokens that something comes before. */
export interface TextScore {
  /** All tokens, those before it included. */
  readonly ids: readonly number[];
  /** Index of the first that is scored: number i below belongs to token `from + i`. */
  readonly from: number;
  /** Log-probability of each token after those before it, natural logarithm. */
  readonly logProbabilities: Float32Array;
  /** Entropy of the choice that each token was one of, in nats. */
  readonly entropies: Float32Array;
}

/** How prompts of the model are written: by the template that it was trained with. */
export interface Wording {
  /** A prompt that is one text, in the shape of the run's rows: a turn of the user, or a prompt to complete. */
  request(prompt: string): PromptRequest;
  /** The text that the model reads. */
  written(prompt: TextPrompt): string;
  /** Texts that end the model's answer. */
  readonly stops: readonly string[];
}

/** What an evaluator asks. */
export interface Asked {
  /** Questions to be answered. */
  readonly questions?: readonly Question[];
  /** Texts to be scored. */
  readonly texts?: readonly ScoredText[];
}

/** What came back. */
export interface Answered {
  /** The rows that `asks` was called with. */
  readonly rows: readonly EvaluationRow[];
  /** For each question its `n` answers. */
  readonly answers: readonly (readonly Answer[])[];
  /** For each text what the model makes of it. */
  readonly scores: readonly TextScore[];
  /** Aborts a long evaluation. */
  readonly signal?: AbortSignal;
}

/** What an evaluator makes of it. */
export interface Evaluation {
  /**
   * Finite numbers by name, of letters, digits and `_`: `{"": 0.93}` becomes `eval_<part's name>`, `{avg_x: 1}`
   * `eval_<part's name>_avg_x`. A figure that there is no data for is left out.
   */
  readonly numbers: Readonly<Record<string, number>>;
  /** A table: one object a row, all with the same columns. Kept in the run folder, shown by trackers. */
  readonly records?: readonly Readonly<Record<string, Json>>[];
  /** Whether a threshold is kept; null or absent: none is set. */
  readonly verdict?:
    | { readonly passed: boolean; readonly reason: string }
    | null;
  /** Other files, by the end of their names: `{".html": page}`. Kept beside the records. */
  readonly files?: Readonly<Record<string, string>>;
}

/** An answer that a reward is asked for. */
export interface RewardedAnswer {
  /** What the model was asked, as it read it. */
  readonly prompt: string;
  /** The expected answer; empty where the data have none. */
  readonly expected: string;
  /** What it answered. */
  readonly answer: Answer;
}

/** Measures a model. */
export interface Evaluator {
  /**
   * What is asked, of the rows for evaluation (none where the run has none). Called once, before the device
   * wakes: what cannot be asked is an error here.
   */
  asks(
    rows: readonly EvaluationRow[],
    wording: Wording,
  ): Asked | Promise<Asked>;
  /** What the answers are worth. Called at each evaluation. */
  score(answered: Answered): Evaluation | Promise<Evaluation>;
  /**
   * What each answer alone is worth, a finite number each, the same for the same answer: with it, an objective may
   * train on answers that this evaluator measures ({@linkcode rewardsOf}). Called once a step, with all its answers.
   */
  rewards?(
    answers: readonly RewardedAnswer[],
  ): readonly number[] | Promise<readonly number[]>;
}
