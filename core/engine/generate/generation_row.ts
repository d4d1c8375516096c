/**
 * A row to be continued, and what it becomes.
 * @module
 */
import type { TokenConstraint } from "../../contracts/token_constraint.ts";
import type { GenerationLimits } from "./programs.ts";
import type { RowSampling, SamplingOptions } from "./sampling.ts";
import type { TokenScore } from "./token_scores.ts";

/** One row to be continued. */
export interface GenerationRow {
  readonly prompt: Int32Array;
  readonly maxNewTokens: number;
  /** Index that keys the row's random numbers, whatever batch it falls in. */
  readonly key: number;
  /**
   * Sees each new token, with its score where `top` asks for it; returns true to end the row there (the token is
   * kept).
   */
  onToken(id: number, score?: TokenScore): boolean;
  /** Ids at which `onToken` ends the row, for generators that write several tokens at a time. */
  readonly ends?: ReadonlySet<number>;
  /** Receives the whole answer while it is written, from such generators; null: a token that is not chosen yet. */
  readonly onDraft?: (ids: readonly (number | null)[]) => void;
}

/** A row that joins whichever others are being continued. */
export interface SubmittedRow extends GenerationRow {
  readonly sampling: RowSampling;
  /** How many of the likeliest tokens `onToken` is given with each; null or absent: no scores. */
  readonly top?: number | null;
  /** Whether the prompt's tokens are scored too, all but the first; default: false. */
  readonly scoresPrompt?: boolean;
  readonly constraint?: TokenConstraint;
  /** The row leaves where it is aborted; its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Why a row ended. */
export type Finish = "stop" | "length" | "capacity";

/** What a row became. */
export interface GeneratedRow {
  readonly ids: readonly number[];
  readonly finish: Finish;
  /** Scores of the prompt's tokens from the second on, where they were asked for. */
  readonly prompt?: readonly TokenScore[];
  /** Tokens of the prompt that were not read again, because what the layers keep of them was there. */
  readonly reused?: number;
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
  /**
   * Continues one row, together with whichever others are there: it joins when a slot is free. Throws `RangeError` as
   * `generate` does, and `ConfigError` for what this generator cannot do (scores, constraints).
   */
  submit(row: SubmittedRow): Promise<GeneratedRow>;
  /** Forgets earlier prompts: called when weights were written. */
  forget(): void;
}
