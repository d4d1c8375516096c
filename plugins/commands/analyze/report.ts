/**
 * The report, from the counts.
 * @module
 */
import type { Analysis } from "./analysis.ts";
import type {} from "@denotune/denotune/core";
import type { AnalyzedSource } from "./analysis.ts";
import type { Collected } from "./count/counts.ts";
import type { DistinctCounter } from "./count/distinct_counter.ts";
import {
  FINDING_NAMES,
  type FindingName,
  METRICS,
  type MetricValues,
  type PartValue,
} from "./metrics.ts";
import type {} from "./count/near_duplicates.ts";
import type { RepeatedOpening } from "./count/openings.ts";
import { rowsOf } from "./read_rows.ts";
import { shownPath } from "./row_texts.ts";
import {
  duplicateExamples,
  leakExamples,
  nearExamples,
} from "./pair_examples.ts";
import type {
  Distinct,
  Finding,
  FindingExample,
  Opening,
  QualityReport,
  Severity,
  SubjectSource,
} from "./types.ts";
import { sizeOf } from "./set_size.ts";

/** The report. */
export function reportOf(analysis: Analysis): QualityReport {
  const { request, options, settings, train, trainTexts } = analysis;
  const { statistics: s } = train;
  const sum = (key: "tokens" | "trainedTokens"): number =>
    s.sources.reduce((all, source) => all + source[key], 0);
  const instructions = train.instructionWords.distribution();
  const responses = train.responseWords.distribution();
  const repeated = {
    instructions: train.instructionOpenings.repeated(),
    responses: train.responseOpenings.repeated(),
  };
  const [distinct_1, distinct_2, distinct_3] = train.ngrams.map(distinctOf);
  const parts = partsOf(analysis, repeated);
  const diversity = instructions === null
    ? null
    : train.instructions.size / instructions.count;
  const exampleTokens = train.exampleTokens.distribution();
  const figures = {
    avg_instruction_length: instructions?.mean ?? null,
    avg_output_length: responses?.mean ?? null,
    max_instruction_length: instructions?.max ?? null,
    max_output_length: responses?.max ?? null,
    diversity,
  };
  const metrics: MetricValues = {
    ...parts,
    ...figures,
    rows: train.rows.length + train.unreadCount,
    eval_rows: analysis.evaluation.rows.length,
    distinct_1: distinct_1.total === 0 ? null : distinct_1.share,
    distinct_2: distinct_2.total === 0 ? null : distinct_2.share,
    distinct_3: distinct_3.total === 0 ? null : distinct_3.share,
    longest_example: exampleTokens?.max ?? null,
    padding_padded: analysis.packing.padded?.padded_share ?? null,
    padding_packed: analysis.packing.packed?.padded_share ?? null,
  };
  const openings = (list: readonly RepeatedOpening[]): Opening[] =>
    list.map(({ opening, count, first }) => ({
      opening,
      count,
      where: trainTexts.where(first),
    }));
  return {
    subject: {
      name: request.name,
      sources: [
        ...request.train.map((source) =>
          subjectOf(source, "training", request.base)
        ),
        ...request.held.map((source) =>
          subjectOf(source, "evaluation", request.base)
        ),
      ],
      tokenizer: request.tokenizerName,
      token_unit: request.tokenUnit ?? "tokens",
      approximate_tokens: request.approximateTokens,
      max_length: options.max_length,
      truncation: options.truncation,
      batch_size: options.batch_size,
    },
    settings,
    size: sizeOf(train.rows.length, parts.duplicates.count),
    ...figures,
    repetitive_instructions: repeated.instructions.map((o) => o.opening),
    repetitive_outputs: repeated.responses.map((o) => o.opening),
    findings: findingsOf(analysis, parts, repeated),
    lengths: {
      instruction_words: instructions,
      response_words: responses,
      instruction_tokens: train.instructionTokens.distribution(),
      response_tokens: train.responseTokens.distribution(),
      example_tokens: exampleTokens,
    },
    openings: {
      instructions: openings(repeated.instructions.slice(0, MOST_OPENINGS)),
      responses: openings(repeated.responses.slice(0, MOST_OPENINGS)),
    },
    distinct: { distinct_1, distinct_2, distinct_3 },
    languages: [...train.languages].sort(([a, n], [b, m]) =>
      m - n || (a < b ? -1 : 1)
    ).map(([language, rows]) => ({
      language,
      rows,
      share: rows / train.rows.length,
    })),
    packing: analysis.packing,
    tokens: {
      total: sum("tokens"),
      trained: sum("trainedTokens"),
      trained_lost: s.trainedTokensLost,
      straddled: s.straddledTokens,
    },
    metrics,
  };
}

/** Openings whose first row is looked up; the names of all of them are given. */
const MOST_OPENINGS = 200;

interface Repeated {
  readonly instructions: readonly RepeatedOpening[];
  readonly responses: readonly RepeatedOpening[];
}

function subjectOf(
  source: AnalyzedSource,
  used_for: SubjectSource["used_for"],
  base: string | undefined,
): SubjectSource {
  return {
    name: shownPath(source.name, base ?? null),
    used_for,
    rows: rowsOf(source),
    template: source.templateName,
    masker: source.maskerName,
  };
}

function distinctOf(counter: DistinctCounter): Distinct {
  const { distinct, total, estimated } = counter;
  return {
    distinct,
    total,
    share: total === 0 ? 0 : distinct / total,
    estimated,
  };
}

function part(count: number, of: number): PartValue {
  return { count, of, share: of === 0 ? 0 : count / of };
}

function partsOf(
  { train, evaluation, near }: Analysis,
  repeated: Repeated,
): Readonly<Record<FindingName, PartValue>> {
  const { found, statistics: s } = train;
  const readable = train.rows.length;
  const rows = readable + train.unreadCount;
  const instructions = train.instructionWords.count;
  const responses = train.responseWords.count;
  const seen = (list: readonly RepeatedOpening[]): number =>
    list.reduce((sum, { count }) => sum + count, 0);
  let nearRows = 0;
  let duplicates = 0;
  for (let row = 0; row < readable; row++) {
    if (train.firstOf.at(row) !== row) duplicates++;
    else if (near.nearTo[row] !== row) nearRows++;
  }
  const held = evaluation.rows.length;
  let leaked = 0;
  let leakedPrompts = 0;
  let nearLeaked = 0;
  for (let row = 0; row < held; row++) {
    if (evaluation.samePrompt.at(row) !== 0) leakedPrompts++;
    if (evaluation.same.at(row) !== 0) leaked++;
    else if (near.otherNearTo[row] !== -1) nearLeaked++;
  }
  return {
    unreadable_rows: part(train.unreadCount, rows),
    double_bos_rows: part(found.double_bos_rows.count, readable),
    unlearned_ends: part(found.unlearned_ends.count, readable),
    leakage: part(leaked, held),
    near_leakage: part(nearLeaked, held),
    leaked_prompts: part(leakedPrompts, held),
    untrained_rows: part(found.untrained_rows.count, readable),
    unverified_rows: part(found.unverified_rows.count, readable),
    empty_responses: part(found.empty_responses.count, responses),
    empty_instructions: part(found.empty_instructions.count, instructions),
    refusals: part(found.refusals.count, responses),
    duplicates: part(duplicates, readable),
    near_duplicates: part(nearRows, readable),
    truncated_rows: part(found.truncated_rows.count, readable),
    dropped_rows: part(found.dropped_rows.count, readable),
    lost_trained_tokens: part(s.trainedTokensLost, train.trainedBefore),
    straddled_rows: part(found.straddled_rows.count, readable),
    repetitive_instructions: part(seen(repeated.instructions), instructions),
    repetitive_outputs: part(seen(repeated.responses), responses),
  };
}

const SEVERITIES: readonly Severity[] = ["bad", "warning", "note"];

/** What there is any of: by severity, then what is soonest bad, then by share. */
function findingsOf(
  analysis: Analysis,
  parts: Readonly<Record<FindingName, PartValue>>,
  repeated: Repeated,
): Finding[] {
  const examples = examplesOf(analysis, repeated);
  return FINDING_NAMES.flatMap((name): Finding[] => {
    const metric = METRICS.find((m) => m.name === name);
    const { count, of, share } = parts[name];
    if (count === 0 || metric === undefined || metric.finding === null) {
      return [];
    }
    const { warn, bad, of: unit, advice } = metric.finding;
    return [{
      name,
      severity: share >= bad ? "bad" : share >= warn ? "warning" : "note",
      title: metric.title,
      count,
      of,
      unit,
      share,
      advice,
      examples: examples[name](),
    }];
  }).sort((a, b) =>
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    isAlwaysBad(b) - isAlwaysBad(a) || b.share - a.share
  );
}

/** 1 where any at all is bad. */
function isAlwaysBad({ name }: Finding): number {
  return METRICS.find((m) => m.name === name)?.finding?.bad === 0 ? 1 : 0;
}

function examplesOf(
  analysis: Analysis,
  repeated: Repeated,
): Readonly<Record<FindingName, () => FindingExample[]>> {
  const { request, train, trainTexts, settings } = analysis;
  const shown = ({ shown }: Collected) => (): FindingExample[] =>
    shown.map(({ row, note, turn }) => ({
      ...trainTexts.show(row, turn),
      note,
    }));
  const openings = (list: readonly RepeatedOpening[]) => () =>
    list.slice(0, settings.examples).map(({ opening, count, first }) => ({
      where: trainTexts.where(first),
      text: opening.trim() === "" ? "(empty)" : opening,
      note: `${count} times`,
    }));
  const { found } = train;
  return {
    unreadable_rows: () =>
      train.unread.map(({ problem }) => splitProblem(problem, request.base)),
    lost_trained_tokens: () => [], // those of truncated_rows
    repetitive_instructions: openings(repeated.instructions),
    repetitive_outputs: openings(repeated.responses),
    duplicates: () => duplicateExamples(analysis),
    near_duplicates: () => nearExamples(analysis),
    leakage: () => leakExamples(analysis, "same"),
    leaked_prompts: () => leakExamples(analysis, "prompt"),
    near_leakage: () => leakExamples(analysis, "near"),
    double_bos_rows: shown(found.double_bos_rows),
    unlearned_ends: shown(found.unlearned_ends),
    untrained_rows: shown(found.untrained_rows),
    unverified_rows: shown(found.unverified_rows),
    empty_responses: shown(found.empty_responses),
    empty_instructions: shown(found.empty_instructions),
    refusals: shown(found.refusals),
    truncated_rows: shown(found.truncated_rows),
    dropped_rows: shown(found.dropped_rows),
    straddled_rows: shown(found.straddled_rows),
  };
}

/** Errors of rows begin with their place. */
function splitProblem(
  problem: string,
  base: string | undefined,
): FindingExample {
  const match = /^(\S.*?(?::\d+|\srow \d+)):\s(.*)$/s.exec(problem);
  return match === null ? { where: "", text: problem, note: null } : {
    where: shownPath(match[1], base ?? null),
    text: match[2],
    note: null,
  };
}
