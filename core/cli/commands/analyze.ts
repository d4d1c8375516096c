/**
 * `denotune analyze`
 * @module
 */
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { kindAt } from "../../config/paths.ts";
import type { LoadedRun } from "../../config/load.ts";
import { ConfigError } from "../../errors.ts";
import { openRegistry } from "../../library/registry.ts";
import { analyze } from "../../quality/analyze.ts";
import {
  emptyConditions,
  failedConditions,
  parseCondition,
} from "../../quality/conditions.ts";
import { METRICS } from "../../quality/metrics.ts";
import {
  BYTES_PER_TOKEN,
  dataFileRun,
  type OpenedSubject,
  openSubject,
} from "../../quality/open_subject.ts";
import { QUALITY_DEFAULTS, type QualityReport } from "../../quality/types.ts";
import { qualityPage } from "../../report/quality_page.ts";
import {
  type CliContext,
  loadAskedRun,
  splitRunArguments,
} from "../context.ts";
import { countOption, listOption } from "../options.ts";
import { progressLine } from "../progress_line.ts";
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
      "a run file, or a data file; and settings laid over it, as `train` takes them",
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
  using subject = await openSubject(asked.run, {
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${message}`),
  });
  const progress = progressLine(err);
  let report: QualityReport;
  try {
    report = await analyze({
      ...subject,
      name: asked.name,
      tokenizerName: tokenizerName(subject, asked, flags),
      tokenUnit: subject.tokenizerPart === "byte" ? "bytes" : "tokens",
      approximateTokens: asked.isDataFile,
      base: Deno.cwd(),
      settings: {
        opening_length: flags.openingLength,
        opening_repeats: flags.openingRepeats,
        similarity: flags.similarity,
        examples: flags.examples,
      },
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

interface Asked {
  readonly run: LoadedRun;
  readonly name: string;
  /** Whether it is a data file without a run. */
  readonly isDataFile: boolean;
}

async function askedRun(
  args: readonly string[],
  flags: AnalyzeFlags,
  out: CliContext["out"],
): Promise<Asked> {
  const { file, overrides } = splitRunArguments(args);
  if (file !== null && !await isRunFile(file)) {
    const run = await dataFileRun({
      path: file,
      evaluation: flags.eval,
      format: flags.format,
      tokenizer: flags.tokenizer,
      overrides,
      registry: await openRegistry(),
    });
    return { run, name: file, isDataFile: true };
  }
  const only = Object.entries({
    "--eval": flags.eval.length > 0,
    "--format": flags.format !== undefined,
    "--tokenizer": flags.tokenizer !== undefined,
  }).filter(([, given]) => given).map(([name]) => name);
  if (only.length > 0) {
    throw new ConfigError(
      `${
        only.join(" and ")
      } can only be given with a data file; with a run say it in the run: data.eval, data.train.0.format, tokenizer`,
    );
  }
  const { run } = await loadAskedRun(args, { out });
  return { run, name: file ?? run.file ?? "the quickstart", isDataFile: false };
}

/** Bytes of a JSON file that may be a run file. */
const RUN_FILE_BYTES = 2 ** 20;

/** Run files are YAML or TypeScript; a JSON file is one where it has the keys `model` and `data`. */
async function isRunFile(path: string): Promise<boolean> {
  if (/\.(ya?ml|ts|mts|js|mjs)$/i.test(path)) return true;
  const absolute = resolve(path);
  if (!/\.json$/i.test(path) || await kindAt(absolute) !== "file") return false;
  if ((await Deno.stat(absolute)).size > RUN_FILE_BYTES) return false;
  try {
    const value: unknown = JSON.parse(await Deno.readTextFile(absolute));
    return typeof value === "object" && value !== null && "model" in value &&
      "data" in value;
  } catch {
    return false; // the source says what is wrong with it
  }
}

function tokenizerName(
  { tokenizerPart, options }: OpenedSubject,
  { isDataFile }: Asked,
  flags: AnalyzeFlags,
): string {
  if (!isDataFile) return `those of the run (${tokenizerPart})`;
  return flags.tokenizer === undefined
    ? `bytes, about ${BYTES_PER_TOKEN} a token of English (--tokenizer counts real ones); max_length is ${options.max_length} bytes`
    : `of ${flags.tokenizer}, without the model's own template: approximate`;
}
