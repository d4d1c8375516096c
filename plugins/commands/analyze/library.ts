/**
 * `analyze` as a function: the quality of rows, as a report. Silent, and it writes nothing.
 * @module
 */
import {
  type BuiltIn,
  type CommandContext,
  ConfigError,
  isHubId,
  kindAt,
  library,
  type LoadedRun,
  modelNeeds,
  openRegistry,
  reads,
  type Registry,
  type RunInput,
  runNeeds,
  splitRunArguments,
  STANDARD_INPUT,
  STANDARD_INPUT_NAME,
  type WithTrust,
} from "@denotune/denotune/core";
import { resolve } from "node:path";
import { analyze as analyzeSources } from "./analyze.ts";
import {
  BYTES_PER_TOKEN,
  type DataOnly,
  dataOnlyRun,
  type OpenedSubject,
  openSubject,
} from "./open_subject.ts";
import type { QualityReport, QualitySettings } from "./types.ts";

/** How rows are analysed. */
export interface AnalyzeOptions extends WithTrust {
  /** What differs from the defaults: openings of 20 characters seen more than 5 times, similarity 0.8, 5 examples. */
  readonly settings?: Partial<QualitySettings>;
  /** Of a data file: files of rows that it is compared with. */
  readonly eval?: readonly string[];
  /** Of a data file: its format; absent: the one that reads its rows. */
  readonly format?: string;
  /** Of a data file: folder of a tokenizer; absent: bytes are counted as tokens. */
  readonly tokenizer?: string;
  /** `key=value`, laid over as on the command line. */
  readonly overrides?: readonly string[];
  /** Aborts it. */
  readonly signal?: AbortSignal;
  /** Receives messages for the user: which format was chosen, and why. */
  readonly onNotice?: (message: string) => void;
  /** Receives progress now and then. */
  readonly onProgress?: (
    done: { task: string; done: number; of: number },
  ) => void;
}

/** What is analysed: a run, or data without one. */
export interface AnalyzedRun {
  readonly run: LoadedRun;
  /** As people call it. */
  readonly name: string;
  /** Whether the run was made around data, so that its model says nothing. */
  readonly isDataOnly: boolean;
}

/** `analyze` of the library. */
export async function analyze(
  builtIn: BuiltIn,
  subject: RunInput | DataOnly | string,
  options: AnalyzeOptions = {},
): Promise<QualityReport> {
  return await analyzeRun(await subjectOf(builtIn, subject, options), options);
}

/** The same, of what is loaded. */
export async function analyzeRun(
  { run, name, isDataOnly }: AnalyzedRun,
  { settings, signal, onNotice, onProgress }: AnalyzeOptions,
): Promise<QualityReport> {
  using subject = await openSubject(run, { signal, onNotice });
  return await analyzeSources({
    ...subject,
    name,
    tokenizerName: tokenizerName(subject, isDataOnly),
    tokenUnit: subject.tokenizerPart === "byte" ? "bytes" : "tokens",
    approximateTokens: isDataOnly,
    base: Deno.cwd(),
    settings,
    signal,
    onProgress,
  });
}

async function subjectOf(
  builtIn: BuiltIn,
  subject: RunInput | DataOnly | string,
  options: AnalyzeOptions,
): Promise<AnalyzedRun> {
  const { overrides } = options;
  const registry = await openRegistry(builtIn, { trust: options.trust });
  if (typeof subject === "string" && !await isRunFile(subject)) {
    return await dataFile(registry, subject, options);
  }
  refuseForRuns(options);
  if (typeof subject === "string") {
    const run = await library.loadRun({ file: subject, overrides, registry });
    return { run, name: subject, isDataOnly: false };
  }
  const object = hasModel(subject) ? subject : dataOnlyRun(subject);
  return {
    run: await library.loadRun({ object, overrides, registry }),
    name: "the data",
    isDataOnly: !hasModel(subject),
  };
}

function hasModel(subject: RunInput | DataOnly): subject is RunInput {
  return "model" in subject && subject.model !== undefined;
}

/** A data file, or standard input, as what is analysed, with the parts of a registry. */
export async function dataFile(
  registry: Registry,
  path: string,
  { eval: held = [], format, tokenizer, overrides }: AnalyzeOptions,
): Promise<AnalyzedRun> {
  const entry = (path: string) =>
    format === undefined ? { path } : { path, format };
  for (const file of [path, ...held]) await refuseMissing(file);
  const object = dataOnlyRun({
    ...(tokenizer === undefined
      ? {}
      : { tokenizer: { use: "huggingface", path: tokenizer } }),
    data: { train: [entry(path)], eval: held.map(entry) },
  });
  return {
    run: await library.loadRun({ object, overrides, registry }),
    name: path === STANDARD_INPUT ? STANDARD_INPUT_NAME : path,
    isDataOnly: true,
  };
}

/** What is neither here nor a pattern nor of the Hub is refused as it was given, before a run is made of it. */
async function refuseMissing(path: string): Promise<void> {
  if (path === STANDARD_INPUT || /[*?[{]/.test(path) || isHubId(path)) return;
  if (await kindAt(resolve(path)) !== null) return;
  throw new ConfigError(
    `There is no data file ${path}; a run file ends in .yaml or .ts, and "-" is standard input`,
  );
}

/** Throws `ConfigError` for options of data files beside a run. */
export function refuseForRuns(
  options: Pick<AnalyzeOptions, "eval" | "format" | "tokenizer">,
): void {
  const only = (["eval", "format", "tokenizer"] as const).filter((name) =>
    options[name] !== undefined && options[name].length > 0
  );
  if (only.length === 0) return;
  throw new ConfigError(
    `${
      only.map((name) => `--${name}`).join(" and ")
    } can only be given with a data file; with a run say it in the run: data.eval, data.train.0.format, tokenizer`,
  );
}

/** Bytes of a JSON file that may be a run file. */
const RUN_FILE_BYTES = 2 ** 20;

/** What a look at a run or at a data file needs of Deno. */
export async function subjectNeeds(
  context: CommandContext,
  { tokenizer, eval: held = [] }: {
    readonly tokenizer?: string;
    readonly eval?: readonly string[];
  },
): Promise<string[]> {
  const [file] = splitRunArguments(context.arguments).files;
  if (file === undefined || await isRunFile(file)) {
    return await runNeeds(context, { trains: false });
  }
  return [
    ...await modelNeeds(context, []),
    ...reads(file === STANDARD_INPUT ? null : file, tokenizer, ...held),
  ];
}

/** Run files are YAML or TypeScript; a JSON file is one where it has the keys `model` and `data`. */
export async function isRunFile(path: string): Promise<boolean> {
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
  { tokenizerPart, tokenizerFolder, options }: OpenedSubject,
  isDataOnly: boolean,
): string {
  if (!isDataOnly) return `those of the run (${tokenizerPart})`;
  return tokenizerPart === "byte"
    ? `bytes, about ${BYTES_PER_TOKEN} a token of English (--tokenizer counts real ones); max_length is ${options.max_length} bytes`
    : `of ${
      tokenizerFolder ?? tokenizerPart
    }, without the model's own template: approximate`;
}
