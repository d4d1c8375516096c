/**
 * An objective turns a batch into what the model is run on: inputs, targets, weights, and the divisor. It may
 * bring a loss of its own, and a decoder of its own. On the host, but for the loss, which is an expression.
 * @module
 */
import type { LevelValue } from "../graph/loss/level_value.ts";
import type { Level } from "../graph/loss/levels.ts";
import type { RowStatistic } from "../graph/loss/row_statistic.ts";
import type { ObjectiveAsk } from "./ask.ts";
import type { Init } from "./model.ts";
import type { Batch } from "./collator.ts";
import type { Decoder } from "./decoder.ts";

/** One micro-batch as the device gets it. N = B * T; R = supervised rows. */
export interface Inputs {
  /** Rows. */
  readonly B: number;
  /** Tokens of a row. */
  readonly T: number;
  /** Token ids (B, T). */
  readonly tokens: Int32Array; // (B, T)
  /** Positions (B, T). */
  readonly positions: Int32Array; // (B, T)
  /** Segments (B, T). */
  readonly segments: Int32Array; // (B, T)
  /** Index into N of each row that carries a label, ascending. */
  readonly rows: Int32Array; // (R)
  /** The id to be predicted at each supervised row (R). */
  readonly targets: Int32Array; // (R)
  /** Its weight (R). */
  readonly weights: Float32Array; // (R)
  /** Its data source (R). */
  readonly sources: Int32Array; // (R)
  /**
   * What this micro-batch adds to the divisor of the optimizer step. For causal language modelling the
   * sum of the weights; for masked diffusion it is not.
   */
  readonly divisor: number;
  /** Keys of random numbers, one a token (see `core/random.ts`). */
  readonly rowKeys: Int32Array; // (B, T)
  /** Which sequences belong together, as in the batch (B, T); absent: each is a group of its own. */
  readonly groups?: Int32Array; // (B, T)
  /** What the loss names in its `inputs`: one number for each of what it is per. */
  readonly own?: Readonly<Record<string, Float32Array>>;
  /** What it adds to the divisor, by data source: figures by source are divided by it. Absent: sums of weights. */
  readonly divisorBySource?: ArrayLike<number>;
  /** Whether it is run with causal attention, of an objective that `startsCausal`. Absent: as its `attention`. */
  readonly causal?: boolean;
}

/** Where in a run a batch is: keys everything random in it. */
export interface StepKey {
  /** The run's seed. */
  readonly seed: number;
  /** Optimizer step, counted from 0. */
  readonly step: number;
  /** Rows of earlier micro-batches of the same optimizer step. */
  readonly firstRow: number;
  /** Sequences (segments) of earlier micro-batches of the same step; absent: as many as rows, none is packed. */
  readonly firstSequence?: number;
  /** Sequences of the whole step, over which random numbers may be spread evenly; absent: those of the batch. */
  readonly sequences?: number;
  /** Which of `Objective.draws` of an evaluation this is, counted from 0; absent: 0. */
  readonly draw?: number;
  /** Whether the batch is trained on. */
  readonly training: boolean;
}

/** What a loss is made of: numbers at their levels, by name. */
export interface LossValues<
  S extends string = string,
  I extends string = string,
  W extends string = string,
> {
  /** The statistics of each trained row. */
  readonly statistics: Readonly<Record<S, LevelValue>>;
  /** `Inputs.weights`: of each trained row. */
  readonly weights: LevelValue;
  /** The inputs of its own. */
  readonly inputs: Readonly<Record<I, LevelValue>>;
  /** The numbers of the whole window; no gradient passes. */
  readonly window: Readonly<Record<W, LevelValue>>;
}

/** A measured number: `sum` over `weight`, both added up over what they are per; `weight` absent: their count. */
export interface Measure {
  /** What is added up. */
  readonly sum: LevelValue;
  /** What the sum is divided by; absent: their count. */
  readonly weight?: LevelValue;
}

/** What a loss gives. */
export interface LossResult {
  /** What is added up over the window, and divided by the divisor. */
  readonly loss: LevelValue;
  /** What is measured beside it, by name: `<name>` of a step, `eval_<name>` of an evaluation. */
  readonly metrics?: Readonly<Record<string, Measure>>;
}

/**
 * A loss as an expression of statistics of the logits. The engine differentiates it: the model runs forward
 * once, and no logits are kept.
 */
export interface ObjectiveLoss<
  S extends string = string,
  I extends string = string,
  W extends string = string,
> {
  /** What is taken of each trained row's logits. */
  readonly statistics: Readonly<Record<S, RowStatistic>>;
  /**
   * The model whose logits of the same row `LogitRow.second` reads, from a forward pass of its own: `base`, the one
   * that training began with. Absent: no statistic reads a second row.
   */
  readonly second?: "base";
  /** Inputs of its own, which `Objective.inputs` gives under `own`. */
  readonly inputs?: Readonly<Record<I, { readonly per: Level }>>;
  /**
   * Sums over the window (all micro-batches of an optimizer step), which a pass without gradients takes before
   * the first of them is trained on. They see no `window` themselves.
   */
  window?(values: LossValues<S, I, never>): Readonly<Record<W, LevelValue>>;
  /** The loss and what is measured. */
  loss(values: LossValues<S, I, W>): LossResult;
}

/** Defines a loss, with the names of its statistics, inputs and numbers of the window inferred. */
export function defineLoss<
  S extends string,
  I extends string = never,
  W extends string = never,
>(loss: ObjectiveLoss<S, I, W>): ObjectiveLoss {
  return loss;
}

/** A head in the place of the vocabulary projection: K numbers at each supervised row. */
export interface ObjectiveHead {
  /** Name of its weight (K, C): `score.weight`. */
  readonly name: string;
  /** K: targets and statistics are of these columns. */
  readonly columns: number;
  /** How it starts, where the model's files do not have it. */
  readonly init: Init;
}

/** What is learned. */
export interface Objective {
  /** Whether tokens see later ones. */
  readonly attention: "causal" | "bidirectional";
  /** Lays out one micro-batch. */
  inputs(batch: Batch, key: StepKey): Inputs;
  /** Its head; absent: the model's vocabulary projection. A model with another head writes nothing. */
  readonly head?: ObjectiveHead;
  /** Asks before each step, and makes examples of the answers; absent: the rows of the data are trained on. */
  readonly ask?: ObjectiveAsk;
  /** Its loss; absent: the weighted cross-entropy of the targets. */
  readonly loss?: ObjectiveLoss;
  /**
   * How a model that was trained so writes: token by token from left to right, by a decoder of its own, or not at
   * all (null). Absent: `tokens` where attention is causal, else null.
   */
  readonly decoding?: Decoding;
  /** Special tokens that it needs: those that the vocabulary lacks are added, with a row. Absent: none. */
  readonly specialTokens?: readonly string[];
  /** Each example's last answer is filled with trained end tokens to so many tokens. Absent: it is left as it is. */
  readonly fillAnswerTo?: number;
  /** Whether, in sft, every row must have a prompt, which is context and not trained. Absent: no. */
  readonly needsPrompts?: boolean;
  /**
   * How often an evaluation lays out each batch, each time with other random numbers (`StepKey.draw`): its loss is
   * their mean, and its error the standard error of that. Absent: once.
   */
  readonly draws?: number;
  /**
   * Whether some of what is trained is run with causal attention (`Inputs.causal`) although `attention` is
   * bidirectional: for models that learn to see later tokens. Absent: no.
   */
  readonly startsCausal?: boolean;
}

/** A way to write: token by token, by a decoder, or none. */
export type Decoding = "tokens" | Decoder | null;
