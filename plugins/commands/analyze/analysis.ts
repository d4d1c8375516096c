/**
 * What is analysed, and what was counted before a report is made of it.
 * @module
 */
import type { EvalCounts, TrainCounts } from "./count/counts.ts";
import type { NearFound } from "./count/near_duplicates.ts";
import type { RowTexts } from "./row_texts.ts";
import type {
  Collator,
  DataOptions,
  DataSource,
  Tokenizer,
} from "@denotune/denotune/core";
import type { QualityReport, QualitySettings } from "./types.ts";

/** A source, and the names of what was chosen for it. */
export interface AnalyzedSource extends DataSource {
  readonly templateName: string;
  readonly maskerName: string;
}

/** What is analysed. */
export interface AnalyzeRequest {
  /** The run file or the data file, as people call it. */
  readonly name: string;
  readonly train: readonly AnalyzedSource[];
  /** Rows that are evaluated on: compared with the training rows. */
  readonly held: readonly AnalyzedSource[];
  readonly tokenizer: Tokenizer;
  /** How tokens are counted, in words. */
  readonly tokenizerName: string;
  /** What is counted (default `tokens`). */
  readonly tokenUnit?: "tokens" | "bytes";
  /** Whether that is not the tokenizer that will be trained with. */
  readonly approximateTokens: boolean;
  /** What differs from {@linkcode DATA_DEFAULTS}. */
  readonly options?: Partial<DataOptions>;
  /** What differs from {@linkcode QUALITY_DEFAULTS}. */
  readonly settings?: Partial<QualitySettings>;
  /** Absolute folder that paths are shown from; absent: paths as they are. */
  readonly base?: string;
  /** The two ways to lay rows out that are compared. */
  readonly collators: { readonly padded: Collator; readonly packed: Collator };
  readonly signal?: AbortSignal;
  /** Receives progress now and then. */
  readonly onProgress?: (
    done: { task: string; done: number; of: number },
  ) => void;
}

/** All that a report is made from. */
export interface Analysis {
  readonly request: AnalyzeRequest;
  readonly options: DataOptions;
  readonly settings: QualitySettings;
  readonly train: TrainCounts;
  readonly evaluation: EvalCounts;
  readonly near: NearFound;
  readonly trainTexts: RowTexts;
  readonly heldTexts: RowTexts;
  readonly packing: QualityReport["packing"];
}
