/**
 * `denotune evaluate`
 * @module
 */
import {
  chosenAt,
  type Command,
  type CommandContext,
  ConfigError,
  configNeeds,
  defineCommand,
  type EvaluatedModel,
  type Evaluation,
  harmless,
  INTERRUPTED,
  kindAt,
  library,
  type LoadedRun,
  measure,
  modelNeeds,
  onInterrupt,
  progressLine,
  writeFiles,
  writeRecords,
  writes,
} from "@denotune/denotune/core";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { storageFlags, storageOf } from "../_storage_flags.ts";
import { writePage } from "../pages/write_page.ts";
import { failedConditions, parseCondition } from "./conditions.ts";
import { type EvaluationReport, reportOf } from "./report.ts";
import { reportPage } from "./report_page.ts";
import { showReport } from "./report_text.ts";
import { evaluationRun } from "./settings.ts";

const options = z.strictObject({
  evaluator: z.array(z.string()).default([]).meta({
    short: "e",
    placeholder: "name",
  }).describe(
    "an evaluator, or `{use: rouge, max_rows: 50}`; may be given several times (default: those of the run, else perplexity and generation-table)",
  ),
  compare: z.string().optional().meta({ placeholder: "folder" }).describe(
    "the model that the others are compared with: a folder, a Hub id, or `base`, the model before training",
  ),
  data: z.array(z.string()).default([]).meta({ placeholder: "file" }).describe(
    "rows to evaluate on, instead of those of the run; may be given several times",
  ),
  format: z.string().optional().meta({ placeholder: "name" }).describe(
    "format of --data; default: recognised",
  ),
  config: z.string().optional().meta({ placeholder: "run file" }).describe(
    "the run whose rows, template and evaluators are used; default: that of the folder",
  ),
  fail_on: z.array(z.string()).default([]).meta({ placeholder: "condition" })
    .describe(
      "exit with 1 where it holds: 'rouge<0.3', 'rouge<base'; may be given several times",
    ),
  json: z.boolean().default(false).describe("the report as one JSON object"),
  html: z.string().optional().meta({ placeholder: "file" }).describe(
    "write the report as a page that needs nothing else",
  ),
  records: z.string().optional().meta({ placeholder: "folder" }).describe(
    "write each table as JSON Lines into this folder (default: `evaluations` in a run's folder)",
  ),
  seed: z.int().min(0).optional().describe(
    "seed of drawn answers: the same seed gives the same report (default: the run's)",
  ),
  ...storageFlags,
});

type Flags = z.output<typeof options>;

/** `denotune evaluate` */
export const evaluate: Command = defineCommand({
  details:
    "Runs evaluators on saved models, without training: the figures side by side, and the tables they give. A FOLDER is what `generate` takes: a run's folder, a checkpoint, an adapter, a model in Hugging Face layout, or a Hub id. Rows, template and evaluators are those of its run, of --config, or of --data and --evaluator.",
  arguments: [{
    name: "folder",
    description: "a model to measure; and settings laid over its run",
    required: true,
    repeated: true,
  }],
  usage: "<folder...> [key=value ...] [options]",
  options,
  help: (start) =>
    `Examples:
  ${start} evaluate outputs/run
  ${start} evaluate outputs/run --compare base -e rouge -e alignment-tax --html report.html
  ${start} evaluate outputs/a outputs/b --data test.jsonl -e '{use: exact-match, max_rows: 100}'
  ${start} evaluate outputs/run --fail-on 'rouge<0.3' --fail-on 'perplexity>base' --compare base`,
  permissions: async (flags, context) => {
    const { folders, overrides } = await wordsOf(context.arguments, flags);
    const run = await evaluationRun(folders[0], flags, { context, overrides });
    const base = flags.compare === "base" ? [] : [flags.compare];
    return [
      ...await modelNeeds(context, [...folders, ...base]),
      ...await configNeeds(run),
      ...writes(flags.records ?? folders[0]),
      ...(flags.html === undefined ? [] : writes(dirname(flags.html))),
    ];
  },
  run: runEvaluate,
});

async function runEvaluate(
  flags: Flags,
  context: CommandContext,
): Promise<void> {
  const { out, err, exitWith } = context;
  const { folders, overrides } = await wordsOf(context.arguments, flags);
  const run = await evaluationRun(folders[0], flags, { context, overrides });
  const conditions = flags.fail_on.map((text) =>
    parseCondition(text, namesOf(run))
  );
  const seed = flags.seed ?? run.config.seed;
  using interrupt = onInterrupt(err, "Stopped.");
  const progress = progressLine(err);
  const said = new Set<string>(); // each model is opened with the same data
  let evaluated: readonly EvaluatedModel[];
  try {
    evaluated = await library.evaluateRun(run, folders, {
      ...storageOf(flags),
      compare: flags.compare ?? null,
      seed,
      signal: interrupt.signal,
      onNotice(message) {
        if (said.has(message)) return;
        said.add(message);
        err.line(`${err.style("warning", "note")} ${harmless(message)}`);
      },
      onProgress: ({ task, done, of }) => progress.show(task, done, of),
    });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    return exitWith(INTERRUPTED);
  } finally {
    progress.clear();
  }
  const found = reportOf(evaluated, seed);
  const report = { ...found, failed: failedConditions(conditions, found) };
  if (flags.json) out.line(JSON.stringify(report, null, 2));
  else showReport(report, out);
  for (const path of await keepTables(evaluated, flags)) {
    err.line(`Wrote ${path}`);
  }
  if (flags.html !== undefined) {
    await writePage(flags.html, reportPage(report));
    err.line(`Wrote ${flags.html}`);
  }
  sayFailed(report, context);
}

const isOverride = (word: string) => /^[\w.-]+=/.test(word);

/** The folders and the settings among the words. Throws `ConfigError`. */
async function wordsOf(
  words: readonly string[],
  { compare }: Flags,
): Promise<{ folders: string[]; overrides: string[] }> {
  const folders: string[] = [];
  for (const word of words.filter((w) => !isOverride(w))) {
    // `--compare base tuned` names the two sides of one model
    const isSide = compare === "base" && word === "tuned" &&
      await kindAt(resolve(word)) === null;
    if (!isSide) folders.push(word);
  }
  if (folders.length === 0) {
    throw new ConfigError(
      "There is no model to evaluate: name its folder, `evaluate outputs/run --compare base`",
    );
  }
  return { folders, overrides: words.filter(isOverride) };
}

/** Names of the evaluators of a run. */
function namesOf(run: LoadedRun): string[] {
  return run.config.evaluators.flatMap((_, i) => {
    const chosen = chosenAt(run, "evaluator", `evaluators.${i}`);
    return chosen === null ? [] : [chosen.part.name];
  });
}

/** Writes the tables and files of evaluators where they are wanted; gives their paths. */
async function keepTables(
  evaluated: readonly EvaluatedModel[],
  { records }: Flags,
): Promise<string[]> {
  const paths: string[] = [];
  for (const { path, results, isBase } of evaluated) {
    const isRun = await kindAt(join(path, "config.resolved.yaml")) === "file";
    const folder = records ?? (isRun && !isBase ? join(path, KEPT) : null);
    if (folder === null) continue;
    for (const { name, result } of results) {
      const own = evaluated.length > 1 && records !== undefined
        ? `${basename(path)}-${isBase ? "base-" : ""}${name}`
        : name;
      paths.push(...keepResult(folder, own, result));
    }
  }
  return paths;
}

function keepResult(
  folder: string,
  name: string,
  { records = [], files = {} }: Evaluation,
): string[] {
  return [
    ...records.length === 0 ? [] : [writeRecords(folder, { name, records })],
    ...writeFiles(folder, { name, files }),
  ];
}

/** Where training keeps the tables of a run. */
const KEPT = "evaluations";

/** Says which conditions and thresholds were not kept, and makes the exit code 1. */
function sayFailed(
  { models, failed }: EvaluationReport,
  { err, exitWith }: CommandContext,
): void {
  const verdicts = models.flatMap(({ name, evaluators, is_base }) =>
    is_base
      ? []
      : evaluators.flatMap(({ evaluator, verdict }) =>
        verdict === null || verdict.passed
          ? []
          : [`${evaluator} of ${name}: ${verdict.reason}`]
      )
  );
  const conditions = failed.map(({ condition, model, found, limit }) =>
    `${condition}: ${model} has ${measure(found)}${
      condition.endsWith("base") ? `, the base ${measure(limit)}` : ""
    }`
  );
  const all = [...conditions, ...verdicts];
  if (all.length === 0) return;
  exitWith(1);
  err.line();
  for (const text of all) {
    err.line(`${err.style("bad", "failed")} ${harmless(text)}`);
  }
}
