/**
 * What the data pipeline takes and what it reports. Option names are those of the run file.
 * @module
 */
import {
  dataDefaults,
  type DataValues,
  type Stopping,
  type Truncation,
  type WeightBy,
} from "../config/schema/data_options.ts";
import type { Masker } from "../contracts/masker.ts";
import type { Format } from "../contracts/format.ts";
import type { RecordStore } from "../contracts/source.ts";
import type { Template } from "../contracts/template.ts";

export type { Stopping, Truncation, WeightBy };

/** How examples are made of rows. */
export interface ExampleOptions extends DataValues {
  /**
   * Whether the first token of an example can be a target. No for causal models: nothing is
   * before it. Yes for objectives that see both sides.
   */
  readonly train_first_token: boolean;
  /** Tokens to which the last answer of an example is filled with trained end tokens; null: it is not. */
  readonly fill_answer_to: number | null;
}

/** How a set is prepared and cut into steps: the options of `data`, and what the run adds to them. */
export interface DataOptions extends ExampleOptions {
  /** Key of everything random. */
  readonly seed: number;
  /** Rows (of the collator's plan) in a micro-batch. */
  readonly batch_size: number;
  /** Micro-batches in an optimizer step. */
  readonly gradient_accumulation_steps: number;
  /** Tokens that are kept in memory, in MB; above that they go to a file of the cache. */
  readonly token_cache_mb: number;
}

/** The defaults of the run file. */
export const DATA_DEFAULTS: DataOptions = {
  ...dataDefaults(),
  train_first_token: false,
  fill_answer_to: null,
  seed: 42,
  batch_size: 4,
  gradient_accumulation_steps: 1,
  token_cache_mb: 32,
};

/** One entry of `data.train` or `data.eval`, its parts made. */
export interface DataSource {
  /** How reports name it. */
  readonly name: string;
  /** Its rows. */
  readonly store: RecordStore;
  /** Detected (see `detectFormat`). */
  readonly format: Format;
  /** How its examples are written. */
  readonly template: Template;
  /** What is trained in them. */
  readonly masker: Masker;
  /** Share of what is drawn; null where none is given. All sources have one, or none has. */
  readonly weight?: number | null;
  /** Passes over the source in an epoch: exactly so many without weights (null: 1), else at most (null: any). */
  readonly epochs?: number | null;
  /** The first so many rows; null for all. */
  readonly max_rows?: number | null;
  /** Which side of what `eval_fraction` and `eval_holdout` hold out is taken; `all` (the default): every row. */
  readonly side?: "train" | "eval" | "all";
}

/** What was found in one source. */
export interface SourceReport {
  /** As in the request. */
  readonly name: string;
  /** Rows read: those of this side, within `max_rows`. */
  readonly rows: number;
  /** Examples that are trained on. */
  readonly examples: number;
  /** Tokens of these examples. */
  readonly tokens: number;
  /** Of these, tokens with a weight. */
  readonly trainedTokens: number;
  /** Share of the rows drawn in an epoch. */
  readonly share: number;
}

/** What preparation found. Counts of tokens are after truncation, unless they say otherwise. */
export interface DataReport {
  /** The same counts for each source. */
  readonly sources: readonly SourceReport[];
  /** Rows read. */
  readonly rows: number;
  /** Examples that are trained on (more than rows under `truncation: split`). */
  readonly examples: number;
  /** Examples drawn in the first epoch: other than `examples` where sources have weights. */
  readonly drawn: number;
  /** Rows of the collator's plan in the first epoch: packs, or examples. */
  readonly packs: number;
  /** Optimizer steps of the first epoch. */
  readonly steps: number;
  /** Tokens of these examples. */
  readonly tokens: number;
  /** Of these, tokens with a weight. */
  readonly trainedTokens: number;
  /** Tokens of the longest example. */
  readonly longest: number;
  /** Tokens over the places of all packs, were each `max_length` wide; null where sources have weights. */
  readonly packing: number | null;
  /** Rows without a trained token: skipped. */
  readonly untrainedRows: number;
  /** Rows whose character spans could not be verified: skipped; and why, for the first of them. */
  readonly refusedRows: number;
  /** Rows that could not be read, skipped under `on_bad_row: skip`. */
  readonly badRows: number;
  /** What is wrong with the first of them; null: none is. */
  readonly firstBad: string | null;
  /** Place and reason of the first of them. */
  readonly firstRefusal: string | null;
  /** What truncation cost. */
  readonly truncation: TruncationReport;
  /** Tokens that straddle a trained and an untrained text, and rows that have one. */
  readonly straddledTokens: number;
  /** Rows that have such a token. */
  readonly straddledRows: number;
  /** Rows that hold a turn the model ends, and those of them whose end is trained. */
  readonly rowsWithEnd: number;
  /** Of these, rows whose end is trained. */
  readonly rowsWithTrainedEnd: number;
  /** Rows that start with two BOS tokens. */
  readonly doubleBosRows: number;
  /** Largest token id. */
  readonly largestId: number;
  /** `999 rows -> 212 packs -> 53 steps an epoch`. */
  readonly startLine: string;
  /** Things worth saying once, one sentence each. */
  readonly notices: readonly string[];
}

/** What truncation cost. */
export interface TruncationReport {
  /** Rows that were too long. */
  readonly rowsCut: number;
  /** Of these, rows that were dropped whole. */
  readonly rowsDropped: number;
  /** Tokens cut away. */
  readonly tokensLost: number;
  /** Of these, tokens with a weight. */
  readonly trainedTokensLost: number;
}

/** One example, ready to be laid out. */
export interface PreparedExample {
  /** Token ids, (T). */
  readonly ids: Int32Array; // (T)
  /** Weight of each as a target, (T). */
  readonly weights: Float32Array; // (T)
  /** Tokens of each sequence, where it has several that belong together. */
  readonly lengths?: readonly number[];
  /** Index of its source. */
  readonly source: number;
  /** Index of the record in its source. */
  readonly record: number;
}
