/**
 * A decoder writes answers in a way of its own, for models that are not trained to write token by token. It asks the
 * model to predict positions of a row, as often as it wants, and decides itself how to use the predictions.
 * @module
 */
import type { RowStatistic } from "../graph/loss/row_statistic.ts";

/** How tokens are drawn. */
export interface DecodeOptions {
  /** 0: the likeliest. */
  readonly temperature: number;
  /** Draw from the k likeliest; null: from all. */
  readonly topK: number | null;
  /** Draw from the likeliest that together have this probability; 1: from all. */
  readonly topP: number;
}

/** A prompt to be answered. */
export interface DecodeRow {
  /** Its ids (T). */
  readonly prompt: Int32Array;
  /** Tokens that the answer may have: prompt and answer fit the model. */
  readonly maxNewTokens: number;
  /** Keys everything random of the row. */
  readonly key: number;
  /** Ids at which an answer ends: what is behind the first of them is dropped. */
  readonly ends: ReadonlySet<number>;
}

/** A row of tokens of which some places are asked for. */
export interface PredictRow {
  /** All tokens of the row (T). */
  readonly tokens: Int32Array;
  /** Places whose logits are asked for, ascending. */
  readonly at: Int32Array;
  /** Keys what is drawn at its places. */
  readonly key: number;
  /** For decoders with a `guidance`: the same row (T) without what it is guided by. */
  readonly unguided?: Int32Array;
}

/** What the model says of the places of a row, in their order. */
export interface Prediction {
  /** The token chosen at each place. */
  readonly ids: Int32Array;
  /** The decoder's statistics, with the chosen token as the target. */
  readonly statistics: Readonly<Record<string, Float32Array>>;
}

/** The model, as a decoder uses it. */
export interface DecodingModel {
  /** Ids that the model knows. */
  readonly vocabSize: number;
  /** Tokens that a row may have. */
  readonly capacity: number;
  /** Chooses a token at each place that is asked for. All rows at once is fastest. */
  predict(
    rows: readonly PredictRow[],
    options: DecodeOptions,
  ): Promise<Prediction[]>;
}

/** Writes answers. */
export interface Decoder {
  /** What is measured of the logits of each place: by what a decoder decides which tokens stay. */
  readonly statistics: Readonly<Record<string, RowStatistic>>;
  /**
   * Classifier-free guidance g (arXiv:2207.12598): predictions are of the logits u + (1 + g) (c - u), c those of the
   * row and u those of its `unguided`, which every row must have. Absent: predictions are of the row alone.
   */
  readonly guidance?: number;
  /** The ids of each answer, in the order of the rows; an id of `ends` ends an answer. */
  decode(
    rows: readonly DecodeRow[],
    model: DecodingModel,
    options: DecodeOptions & {
      readonly signal?: AbortSignal;
      /** Receives an answer while it is written, by the index of its row: null where no token is chosen yet. */
      readonly onDraft?: (ids: readonly (number | null)[], row: number) => void;
    },
  ): Promise<readonly (readonly number[])[]>;
}
