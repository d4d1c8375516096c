/**
 * `denotune analyze`
 * @module
 */
import { dirname } from "node:path";
import {
  askedRegistry,
  type Command,
  type CommandContext,
  defineCommand,
  harmless,
  loadAskedRun,
  progressLine,
  splitRunArguments,
  writes,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  type AnalyzedRun,
  analyzeRun,
  dataFile,
  isRunFile,
  refuseForRuns,
  subjectNeeds,
} from "./library.ts";
import {
  emptyConditions,
  failedConditions,
  parseCondition,
} from "./conditions.ts";
import { METRICS } from "./metrics.ts";
import { QUALITY_DEFAULTS, type QualityReport } from "./types.ts";
import { qualityPage } from "./quality_page.ts";
import { showQuality } from "./quality_text.ts";
import { writePage } from "../pages/write_page.ts";

const UNIT = { part: "count or %", share: "share or %", number: "number" };

const options = z.strictObject({
  json: z.boolean().default(false).describe("the report as one JSON object"),
  html: z.string().optional().meta({ placeholder: "file" }).describe(
    "write the report as a page that needs nothing else",
  ),
  fail_on: z.array(z.string()).default([]).meta({ placeholder: "condition" })
    .describe(
      "exit with 1 where it holds: 'duplicates>5%'; may be given several times",
    ),
  eval: z.array(z.string()).default([]).meta({ placeholder: "file" }).describe(
    "for a data file: rows that it is compared with; may be given several times",
  ),
  format: z.string().optional().meta({ placeholder: "name" }).describe(
    "for a data file: its format; default: recognised",
  ),
  tokenizer: z.string().optional().meta({ placeholder: "folder" }).describe(
    "for a data file: count tokens with this tokenizer; default: bytes",
  ),
  opening_length: z.int().min(0).default(QUALITY_DEFAULTS.opening_length)
    .describe("characters of an opening"),
  opening_repeats: z.int().min(0).default(QUALITY_DEFAULTS.opening_repeats)
    .describe("an opening repeats when seen more often than this"),
  similarity: z.number().min(0.5, "expected a number from 0.5 to 1").max(
    1,
    "expected a number from 0.5 to 1",
  ).default(QUALITY_DEFAULTS.similarity).meta({ placeholder: "s" }).describe(
    "rows are near duplicates from this share of equal shingles on",
  ),
  examples: z.int().min(0).default(QUALITY_DEFAULTS.examples).describe(
    "rows kept for each finding",
  ),
});

type AnalyzeFlags = z.output<typeof options>;

/** `denotune analyze` */
export const analyze: Command = defineCommand({
  details:
    "Reads every row and reports what stands out: duplicates, leakage into evaluation, empty answers and refusals, truncation, openings that repeat, lengths, languages, padding. Takes a run file, or a data file alone. Writes nothing but --html.",
  arguments: [{
    name: "file",
    description:
      "a run file, or a data file (`-`: standard input); and settings laid over it, as `train` takes them",
    repeated: true,
  }],
  usage: "[run or data file] [key=value ...] [options]",
  options,
  help,
  permissions: async (flags, context) => [
    ...await subjectNeeds(context, flags),
    ...(flags.html === undefined ? [] : writes(dirname(flags.html))),
  ],
  run: runAnalyze,
});

function help(start: string): string {
  const width = Math.max(...METRICS.map(({ name }) => name.length));
  const metrics = METRICS.map(({ name, kind, title, finding }) =>
    `  ${name.padEnd(width)}  ${title} (${UNIT[kind]}${
      finding === null ? "" : ` of ${finding.of}`
    })`
  );
  return `Metrics for --fail-on:
${metrics.join("\n")}

Examples:
  ${start} analyze run.yaml
  ${start} analyze data.jsonl --eval test.jsonl --html report.html
  zcat data.jsonl.gz | ${start} analyze -
  ${start} analyze run.yaml --fail-on 'duplicates>5%' --fail-on 'leakage>0'`;
}

async function runAnalyze(
  flags: AnalyzeFlags,
  context: CommandContext,
): Promise<void> {
  const { out, err, exitWith } = context;
  const conditions = flags.fail_on.map(parseCondition);
  const asked = await askedRun(flags, context);
  const progress = progressLine(err);
  let report: QualityReport;
  try {
    report = await analyzeRun(asked, {
      settings: {
        opening_length: flags.opening_length,
        opening_repeats: flags.opening_repeats,
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
  flags: AnalyzeFlags,
  context: CommandContext,
): Promise<AnalyzedRun> {
  const { files, overrides } = splitRunArguments(context.arguments);
  const [file = null] = files;
  if (file !== null && files.length === 1 && !await isRunFile(file)) {
    return await dataFile(await askedRegistry(context), file, {
      ...flags,
      overrides,
    });
  }
  refuseForRuns(flags);
  const { run } = await loadAskedRun(context, {
    notices: flags.json ? context.err : context.out,
  });
  return { run, name: file ?? run.file ?? "the quickstart", isDataOnly: false };
}
