/**
 * The quality report: what `analyze --json` writes. Lengths are in words (split at white space) or
 * tokens; shares are in [0, 1].
 * @module
 */
import type { Distribution } from "./count/histogram.ts";
import type { FindingName, MetricValues } from "./metrics.ts";
import type { Packing } from "./packing.ts";
import type { SetSize } from "./set_size.ts";

/** How the analysis looks. Option names are those of the command line. */
export interface QualitySettings {
  /** Characters of an opening. */
  readonly opening_length: number;
  /** An opening is repetitive when it is seen more often than this. */
  readonly opening_repeats: number;
  /** Similarity from which rows are near duplicates, in (0, 1]. */
  readonly similarity: number;
  /** Rows shown with each finding. */
  readonly examples: number;
}

/** The defaults: openings are those of the figures' first definition, 20 characters seen more than 5 times. */
export const QUALITY_DEFAULTS: QualitySettings = {
  opening_length: 20,
  opening_repeats: 5,
  similarity: 0.8,
  examples: 5,
};

/** A row that shows a finding. */
export interface FindingExample {
  /** `data.jsonl:37`, or `data.parquet row 36`. */
  readonly where: string;
  /** The beginning of the row, on one line. */
  readonly text: string;
  /** What is to be seen there; null where nothing is to be said. */
  readonly note: string | null;
}

/** `bad`: the run is refused, or its figures mean little. `warning`: worth a look. `note`: good to know. */
export type Severity = "bad" | "warning" | "note";

/** Something found in the rows. */
export interface Finding {
  /** The metric. */
  readonly name: FindingName;
  /** How bad it is, by its share. */
  readonly severity: Severity;
  /** What was found, as a phrase. */
  readonly title: string;
  /** How many there are. */
  readonly count: number;
  /** All that there are, and what they are. */
  readonly of: number;
  /** What is counted: `rows`, `responses`. */
  readonly unit: string;
  /** `count / of`. */
  readonly share: number;
  /** What would help. */
  readonly advice: string;
  /** A few of them. */
  readonly examples: readonly FindingExample[];
}

/** An opening that many texts share. */
export interface Opening {
  /** The first characters. */
  readonly opening: string;
  /** Texts that start so. */
  readonly count: number;
  /** Where it was seen first. */
  readonly where: string;
}

/** Different n-grams of words. */
export interface Distinct {
  /** Different n-grams. */
  readonly distinct: number;
  /** All n-grams. */
  readonly total: number;
  /** `distinct / total`: it falls as a set grows, so compare sets of a size. */
  readonly share: number;
  /** Whether `distinct` is an estimate (0.8% standard error). */
  readonly estimated: boolean;
}

/** What was looked at. */
export interface Subject {
  /** The run file or the data file, as it was given. */
  readonly name: string;
  /** Where the rows came from. */
  readonly sources: readonly SubjectSource[];
  /** How tokens are counted, in words. */
  readonly tokenizer: string;
  /** What is counted as a token. */
  readonly token_unit: "tokens" | "bytes";
  /** Whether token figures are not those of the model that will be trained. */
  readonly approximate_tokens: boolean;
  /** Tokens of the longest row that is kept whole. */
  readonly max_length: number;
  /** What happens to longer rows. */
  readonly truncation: string;
  /** Rows of a batch. */
  readonly batch_size: number;
}

/** A source of rows. */
export interface SubjectSource {
  /** Its path, or the name of rows in memory. */
  readonly name: string;
  /** What its rows are for. */
  readonly used_for: "training" | "evaluation";
  /** How many there are. */
  readonly rows: number;
  /** How turns are written. */
  readonly template: string;
  /** What is trained. */
  readonly masker: string;
}

/** The report. */
export interface QualityReport {
  /** What was looked at. */
  readonly subject: Subject;
  /** Where the limits of findings were set. */
  readonly settings: QualitySettings;
  /** What the number of training rows is good for. */
  readonly size: SetSize;
  /** Words of an instruction, mean; null where there are no instructions. */
  readonly avg_instruction_length: number | null;
  /** Words of an answer, mean. */
  readonly avg_output_length: number | null;
  /** Words of the longest instruction. */
  readonly max_instruction_length: number | null;
  /** Words of the longest answer. */
  readonly max_output_length: number | null;
  /** Openings of instructions that are seen too often, the most frequent first. */
  readonly repetitive_instructions: readonly string[];
  /** Openings of answers that are seen too often, the most frequent first. */
  readonly repetitive_outputs: readonly string[];
  /** Different instructions of all instructions. */
  readonly diversity: number | null;
  /** The worst first. */
  readonly findings: readonly Finding[];
  /** How lengths are spread; null where there is nothing to count. */
  readonly lengths: {
    readonly instruction_words: Distribution | null;
    readonly response_words: Distribution | null;
    /** User turns with their `input`. */
    readonly instruction_tokens: Distribution | null;
    readonly response_tokens: Distribution | null;
    /** Whole examples, uncut, with everything that the template writes. */
    readonly example_tokens: Distribution | null;
  };
  /** Openings that many texts share, the most frequent first. */
  readonly openings: {
    readonly instructions: readonly Opening[];
    readonly responses: readonly Opening[];
  };
  /** Of the answers: single words, pairs, triples. */
  readonly distinct: {
    readonly distinct_1: Distinct;
    readonly distinct_2: Distinct;
    readonly distinct_3: Distinct;
  };
  /** Rows by language, most first: a guess by script and stop words. */
  readonly languages: readonly {
    readonly language: string;
    readonly rows: number;
    readonly share: number;
  }[];
  /** How well both collators would fill batches; null where there are no tokens. */
  readonly packing: {
    readonly padded: Packing | null;
    readonly packed: Packing | null;
  };
  /** Tokens after truncation, and what became of them. */
  readonly tokens: {
    readonly total: number;
    readonly trained: number;
    readonly trained_lost: number;
    readonly straddled: number;
  };
  /** Everything that `--fail-on` can name. */
  readonly metrics: MetricValues;
}
