/**
 * The one list of what is measured: names, what they count, and from where on a finding is worth saying.
 * @module
 */

/**
 * `part`: so many of so many (rows, answers, tokens), with a count and a share. `share`: a number in [0, 1].
 * `number`: any other.
 */
export type MetricKind = "part" | "share" | "number";

/** Something that is measured. */
export interface Metric {
  readonly name: string;
  readonly kind: MetricKind;
  /** What it is, as a phrase. */
  readonly title: string;
  /** Where it is worth saying; null for what is only a figure. */
  readonly finding: FindingRule | null;
}

/** When a metric is a finding. Below `warn` it is a note, if there is any at all. */
export interface FindingRule {
  /** What is counted: `rows`, `responses`. */
  readonly of: string;
  /** Share from which it is a warning. */
  readonly warn: number;
  /** Share from which it is bad. */
  readonly bad: number;
  /** What would help, one sentence. */
  readonly advice: string;
}

/** The names of metrics that are findings. */
export type FindingName =
  | "unreadable_rows"
  | "double_bos_rows"
  | "unlearned_ends"
  | "leakage"
  | "near_leakage"
  | "leaked_prompts"
  | "untrained_rows"
  | "unverified_rows"
  | "empty_responses"
  | "empty_instructions"
  | "refusals"
  | "duplicates"
  | "near_duplicates"
  | "truncated_rows"
  | "dropped_rows"
  | "lost_trained_tokens"
  | "straddled_rows"
  | "repetitive_instructions"
  | "repetitive_outputs";

const FINDINGS: readonly (FindingRule & {
  readonly name: FindingName;
  readonly title: string;
})[] = [
  {
    name: "unreadable_rows",
    title: "rows that the format or the template cannot read",
    of: "rows",
    warn: 0,
    bad: 0,
    advice: "Training stops at the first of them: mend them, or take them out.",
  },
  {
    name: "double_bos_rows",
    title: "rows that start with two BOS tokens",
    of: "rows",
    warn: 0,
    bad: 0,
    advice:
      "Training refuses them: take BOS out of the data, or choose a template that does not write it.",
  },
  {
    name: "unlearned_ends",
    title: "rows that train no end of a turn",
    of: "rows",
    warn: 0.01,
    bad: 0.5,
    advice:
      "The model learns to stop from ends that are trained: see the template, max_length, and weights of turns.",
  },
  {
    name: "leakage",
    title: "evaluation rows that are training rows too",
    of: "evaluation rows",
    warn: 0,
    bad: 0,
    advice: "Their figures say how well rows are remembered: take them out.",
  },
  {
    name: "near_leakage",
    title: "evaluation rows nearly equal to a training row",
    of: "evaluation rows",
    warn: 0,
    bad: 0.02,
    advice:
      "Look at them: edited copies make evaluation look better than it is.",
  },
  {
    name: "leaked_prompts",
    title: "evaluation prompts that are trained too, whatever the answer",
    of: "evaluation rows",
    warn: 0,
    bad: 0.1,
    advice:
      "Fine where the same question has many answers, else take them out.",
  },
  {
    name: "untrained_rows",
    title: "rows without a trained token",
    of: "rows",
    warn: 0.01,
    bad: 0.5,
    advice:
      "They are skipped: see the masker, weights of turns, and max_length (`inspect --find zero-loss`).",
  },
  {
    name: "unverified_rows",
    title: "rows whose character spans could not be verified",
    of: "rows",
    warn: 0,
    bad: 0.1,
    advice:
      "They are skipped: the tokenizer changes these texts without reporting how.",
  },
  {
    name: "empty_responses",
    title: "answers that are empty or a placeholder",
    of: "responses",
    warn: 0,
    bad: 0.05,
    advice: "They teach to say nothing: take them out.",
  },
  {
    name: "empty_instructions",
    title: "instructions that are empty",
    of: "instructions",
    warn: 0.005,
    bad: 0.2,
    advice: "See whether the question is in another column.",
  },
  {
    name: "refusals",
    title: "answers that seem to refuse (a guess by wording)",
    of: "responses",
    warn: 0.01,
    bad: 0.1,
    advice: "A model learns to refuse fast: keep those that are meant.",
  },
  {
    name: "duplicates",
    title: "rows that repeat an earlier row word for word",
    of: "rows",
    warn: 0.005,
    bad: 0.1,
    advice: "Each copy is one more epoch over that row: take them out.",
  },
  {
    name: "near_duplicates",
    title: "rows nearly equal to an earlier row",
    of: "rows",
    warn: 0.02,
    bad: 0.2,
    advice: "Look at a few; keep one of each group.",
  },
  {
    name: "truncated_rows",
    title: "rows longer than max_length",
    of: "rows",
    warn: 0.01,
    bad: 0.25,
    advice: "Raise data.max_length, or choose another data.truncation.",
  },
  {
    name: "dropped_rows",
    title: "rows dropped whole because they are too long",
    of: "rows",
    warn: 0,
    bad: 0.1,
    advice: "Raise data.max_length, or choose another data.truncation.",
  },
  {
    name: "lost_trained_tokens",
    title: "trained tokens that truncation cuts away",
    of: "trained tokens",
    warn: 0.01,
    bad: 0.2,
    advice: "Raise data.max_length, or choose another data.truncation.",
  },
  {
    name: "straddled_rows",
    title: "rows with a token over trained and untrained text",
    of: "rows",
    warn: 0.05,
    bad: 0.9,
    advice:
      "A separator that ends in a blank or line break avoids it; data.boundary_token says what is done.",
  },
  {
    name: "repetitive_instructions",
    title: "instructions that start as many others do",
    of: "instructions",
    warn: 0.2,
    bad: 0.6,
    advice: "A model that sees one wording learns that wording: vary it.",
  },
  {
    name: "repetitive_outputs",
    title: "answers that start as many others do",
    of: "responses",
    warn: 0.2,
    bad: 0.6,
    advice: "The model will start so too: vary it, unless it is meant.",
  },
];

/** The names of metrics that are figures. */
export type FigureName =
  | "rows"
  | "eval_rows"
  | "diversity"
  | "distinct_1"
  | "distinct_2"
  | "distinct_3"
  | "avg_instruction_length"
  | "max_instruction_length"
  | "avg_output_length"
  | "max_output_length"
  | "longest_example"
  | "padding_padded"
  | "padding_packed";

const FIGURES: readonly (readonly [FigureName, MetricKind, string])[] = [
  ["rows", "number", "rows that are trained on, or would be"],
  ["eval_rows", "number", "rows that are evaluated on"],
  ["diversity", "share", "different instructions of all instructions"],
  ["distinct_1", "share", "different words of all words of the answers"],
  ["distinct_2", "share", "different pairs of neighbouring words"],
  ["distinct_3", "share", "different triples of neighbouring words"],
  ["avg_instruction_length", "number", "words of an instruction, mean"],
  ["max_instruction_length", "number", "words of the longest instruction"],
  ["avg_output_length", "number", "words of an answer, mean"],
  ["max_output_length", "number", "words of the longest answer"],
  ["longest_example", "number", "tokens of the longest example, uncut"],
  ["padding_padded", "share", "padding with the collator `padded`"],
  ["padding_packed", "share", "padding with the collator `packed`"],
];

/** Everything that is measured, findings first. */
export const METRICS: readonly Metric[] = [
  ...FINDINGS.map(({ name, title, ...finding }): Metric => ({
    name,
    kind: "part",
    title,
    finding,
  })),
  ...FIGURES.map(([name, kind, title]): Metric => ({
    name,
    kind,
    title,
    finding: null,
  })),
];

/** Names of all findings, in the order of the list. */
export const FINDING_NAMES: readonly FindingName[] = FINDINGS.map((f) =>
  f.name
);

/** A part of a whole. */
export interface PartValue {
  /** How many. */
  readonly count: number;
  /** The whole. */
  readonly of: number;
  /** `count / of`; 0 where there is nothing. */
  readonly share: number;
}

/** What was measured, by name; a figure that there is nothing for is null. */
export type MetricValues =
  & Readonly<Record<FindingName, PartValue>>
  & Readonly<Record<FigureName, number | null>>;
