/**
 * `denotune analyze`
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import {
  type AnalyzedRun,
  analyzeRun,
  dataFile,
  isRunFile,
  refuseForRuns,
} from "../../library/analyze.ts";
import {
  emptyConditions,
  failedConditions,
  parseCondition,
} from "../../quality/conditions.ts";
import { METRICS } from "../../quality/metrics.ts";
import { QUALITY_DEFAULTS, type QualityReport } from "../../quality/types.ts";
import { qualityPage } from "../../report/quality_page.ts";
import {
  type CliContext,
  loadAskedRun,
  splitRunArguments,
} from "../context.ts";
import { countOption, listOption } from "../options.ts";
import { progressLine } from "../progress_line.ts";
import { harmless } from "../terminal.ts";
import { showQuality } from "../quality_text.ts";
import { writePage } from "../write_page.ts";

interface AnalyzeFlags {
  readonly json: boolean;
  readonly html?: string;
  readonly failOn: readonly string[];
  readonly eval: readonly string[];
  readonly format?: string;
  readonly tokenizer?: string;
  readonly openingLength: number;
  readonly openingRepeats: number;
  readonly similarity: number;
  readonly examples: number;
}

/** Adds the command. */
export function addAnalyze(program: Command, context: CliContext): void {
  const width = Math.max(...METRICS.map(({ name }) => name.length));
  const kinds = { part: "count or %", share: "share or %", number: "number" };
  program.command("analyze")
    .summary("report on the quality of the data")
    .description(
      "Reads every row and reports what stands out: duplicates, leakage into evaluation, empty answers and refusals, truncation, openings that repeat, lengths, languages, padding. Takes a run file, or a data file alone. Writes nothing but --html.",
    )
    .argument(
      "[file...]",
      "a run file, or a data file (`-`: standard input); and settings laid over it, as `train` takes them",
    )
    .usage("[run or data file] [key=value ...] [options]")
    .option("--json", "the report as one JSON object", false)
    .option(
      "--html <file>",
      "write the report as a page that needs nothing else",
    )
    .option(
      "--fail-on <condition>",
      "exit with 1 where it holds: 'duplicates>5%'; may be given several times",
      listOption,
      [],
    )
    .option(
      "--eval <file>",
      "for a data file: rows that it is compared with; may be given several times",
      listOption,
      [],
    )
    .option(
      "--format <name>",
      "for a data file: its format; default: recognised",
    )
    .option(
      "--tokenizer <folder>",
      "for a data file: count tokens with this tokenizer; default: bytes",
    )
    .option(
      "--opening-length <n>",
      "characters of an opening",
      countOption,
      QUALITY_DEFAULTS.opening_length,
    )
    .option(
      "--opening-repeats <n>",
      "an opening repeats when seen more often than this",
      countOption,
      QUALITY_DEFAULTS.opening_repeats,
    )
    .option(
      "--similarity <s>",
      "rows are near duplicates from this share of equal shingles on",
      similarityOption,
      QUALITY_DEFAULTS.similarity,
    )
    .option(
      "--examples <n>",
      "rows kept for each finding",
      countOption,
      QUALITY_DEFAULTS.examples,
    )
    .addHelpText(
      "after",
      `
Metrics for --fail-on:
${
        METRICS.map(({ name, kind, title, finding }) =>
          `  ${name.padEnd(width)}  ${title} (${kinds[kind]}${
            finding === null ? "" : ` of ${finding.of}`
          })`
        ).join("\n")
      }

Examples:
  ${context.command} analyze run.yaml
  ${context.command} analyze data.jsonl --eval test.jsonl --html report.html
  zcat data.jsonl.gz | ${context.command} analyze -
  ${context.command} analyze run.yaml --fail-on 'duplicates>5%' --fail-on 'leakage>0'`,
    )
    .action((args: string[], flags: AnalyzeFlags) =>
      runAnalyze(args, flags, context)
    );
}

function similarityOption(text: string): number {
  const value = Number(text);
  if (!(value >= 0.5 && value <= 1)) {
    throw new InvalidArgumentError("Expected a number from 0.5 to 1.");
  }
  return value;
}

async function runAnalyze(
  args: readonly string[],
  flags: AnalyzeFlags,
  { out, err, exitWith }: CliContext,
): Promise<void> {
  const conditions = flags.failOn.map(parseCondition);
  const asked = await askedRun(args, flags, flags.json ? err : out);
  const progress = progressLine(err);
  let report: QualityReport;
  try {
    report = await analyzeRun(asked, {
      settings: {
        opening_length: flags.openingLength,
        opening_repeats: flags.openingRepeats,
        similarity: flags.similarity,
        examples: flags.examples,
      },
      onNotice: (message) =>
        err.line(`${err.style("warning", "note")} ${harmless(message)}`),
      onProgress: ({ task, done, of }) => progress.show(task, done, of),
    });
  } finally {
    progress.clear();
  }
  const failed = failedConditions(conditions, report.metrics);
  if (flags.json) out.line(JSON.stringify({ ...report, failed }, null, 2));
  else showQuality(report, out);
  if (flags.html !== undefined) {
    await writePage(flags.html, qualityPage(report));
    err.line(`Wrote ${flags.html}`);
  }
  for (const { text } of emptyConditions(conditions, report.metrics)) {
    err.line(
      `${
        err.style("warning", "note")
      } ${text} is not checked: there is nothing that it counts`,
    );
  }
  if (failed.length > 0) {
    exitWith(1);
    err.line();
    for (const { condition, found_text } of failed) {
      err.line(
        `${err.style("bad", "failed")} ${condition}: found ${found_text}`,
      );
    }
  }
}

async function askedRun(
  args: readonly string[],
  flags: AnalyzeFlags,
  out: CliContext["out"],
): Promise<AnalyzedRun> {
  const { file, overrides } = splitRunArguments(args);
  if (file !== null && !await isRunFile(file)) {
    return await dataFile(file, { ...flags, overrides });
  }
  refuseForRuns(flags);
  const { run } = await loadAskedRun(args, { out });
  return { run, name: file ?? run.file ?? "the quickstart", isDataOnly: false };
}
