/**
 * The run whose rows, template and evaluators saved models are evaluated with: that of a run file, of the folder, or
 * of data files alone.
 * @module
 */
import {
  askedRegistry,
  type CommandContext,
  isPlainObject,
  kindAt,
  library,
  type LoadedRun,
  readResolvedFile,
} from "@denotune/denotune/core";
import { dirname, resolve } from "node:path";

/** What the command line says of it. */
export interface SettingsFlags {
  readonly config?: string;
  readonly data: readonly string[];
  readonly format?: string;
  readonly evaluator: readonly string[];
}

/** Evaluators of a model whose run names none. */
const WITHOUT_ANY = ["perplexity", "generation-table"];

/** Loads the run, with `key=value` laid over. Throws `ConfigError`. */
export async function evaluationRun(
  folder: string,
  flags: SettingsFlags,
  { context, overrides }: {
    readonly context: CommandContext;
    readonly overrides: readonly string[];
  },
): Promise<LoadedRun> {
  const registry = await askedRegistry(context);
  const entries = flags.data.map((path) => ({
    path: resolve(path),
    ...flags.format === undefined ? {} : { format: flags.format },
  }));
  const all = [
    ...(entries.length === 0 ? [] : [
      `data.train=${JSON.stringify(entries)}`,
      `data.eval=${JSON.stringify(entries)}`,
      "data.eval_fraction=0",
      "data.eval_holdout=null",
    ]),
    ...(flags.evaluator.length === 0
      ? []
      : [`evaluators=[${flags.evaluator.join(", ")}]`]),
    ...overrides,
  ];
  const file = flags.config ?? await resolvedOf(folder);
  const given = file === null || entries.length > 0
    ? []
    : await withoutRowsOfCode(file, context);
  const load = (overrides: readonly string[]) =>
    library.loadRun({
      ...(file === null ? { object: WITHOUT_RUN } : { file }),
      overrides,
      registry,
      files: "ignore", // the model is the folder, and what is trained on may be gone
      notice: (what) => context.err.line(what),
    });
  const run = await load([...given, ...all]);
  return run.config.evaluators.length > 0
    ? run
    : await load([...given, ...all, `evaluators=[${WITHOUT_ANY.join(", ")}]`]);
}

/** The settings that a run, or a checkpoint in it, was made with. */
async function resolvedOf(folder: string): Promise<string | null> {
  const path = resolve(folder);
  for (const place of [path, dirname(path)]) {
    const file = `${place}/config.resolved.yaml`;
    if (await kindAt(file) === "file") return file;
  }
  return null;
}

/**
 * What is laid over settings whose rows were given in code, so that the rest can be used: such rows are not in the
 * file, and what is trained on is not opened here.
 */
async function withoutRowsOfCode(
  file: string,
  { err }: CommandContext,
): Promise<string[]> {
  if (!file.endsWith("config.resolved.yaml")) return [];
  const written = await readResolvedFile(file);
  const data = isPlainObject(written.data) ? written.data : {};
  const isKept = (entry: unknown) =>
    isPlainObject(entry) && typeof entry.rows !== "string";
  const [train, held] = [data.train, data.eval].map((list) =>
    Array.isArray(list) ? list : []
  );
  if ([...train, ...held].every(isKept)) return [];
  const fromTrain = Number(data.eval_fraction) > 0 || data.eval_holdout != null;
  if (!held.every(isKept) || fromTrain && !train.every(isKept)) {
    err.line(
      `${
        err.style("warning", "note")
      } rows for evaluation were given in code and are not in ${file}: name a file with --data`,
    );
  }
  const kept = train.filter(isKept);
  return [
    `data.train=${
      JSON.stringify(kept.length > 0 ? kept : [{ path: file, format: "text" }])
    }`,
    `data.eval=${JSON.stringify(held.filter(isKept))}`,
    ...kept.length === 0
      ? ["data.eval_fraction=0", "data.eval_holdout=null"]
      : [],
  ];
}

/** Stands for a run where there is none: nothing of it is opened. */
const WITHOUT_RUN = {
  model: { from_config: { model_type: "none" } },
  tokenizer: "byte",
  data: { train: [{ rows: [{ instruction: "-", output: "-" }] }] },
};
