/**
 * What is done with a run folder that already exists: resume, rename it, or refuse.
 *
 * | the folder holds           | resume: auto                    | resume: never  |
 * | -------------------------- | ------------------------------- | -------------- |
 * | nothing, or is not there   | new run                         | new run        |
 * | a finished run             | renamed, new run                | renamed        |
 * | an unfinished run, same    | resumed                         | renamed        |
 * | an unfinished run, other   | refused, the difference shown   | renamed        |
 * | something else             | refused                         | refused        |
 * @module
 */
import { basename, dirname, join } from "node:path";
import { configDifference, type Difference } from "../config/difference.ts";
import type { LoadedRun } from "../config/load.ts";
import type { RunConfig } from "../config/types.ts";
import { withoutNewDefaults } from "../config/newer_defaults.ts";
import { configData, readResolvedFile } from "../config/resolved.ts";
import { ConfigError } from "../contracts/errors.ts";
import { asUserError, recover, temporaryBeside } from "../io/atomic.ts";
import { listCheckpoints } from "./saving/checkpoint.ts";
import { RESOLVED, SUMMARY } from "./log/run_files.ts";
import { pluginDifferences } from "../config/plugin_difference.ts";

/** What is to be done. */
export interface FolderDecision {
  /** Whether the run in this folder is resumed (from its start, where it has no checkpoint yet). */
  readonly continues: boolean;
  /** The checkpoint to start from. */
  readonly checkpoint: string | null;
  /** Whether what is there must be renamed first. */
  readonly stepsAside: boolean;
}

/**
 * Looks at the run folder, makes sure that it can be written, and decides; what is there stays as it is.
 * Throws `ConfigError` for a folder that must not be touched.
 */
export async function decideRunFolder(run: LoadedRun): Promise<FolderDecision> {
  const { output_dir: outputDir, training: { resume } } = run.config;
  const explicit = explicitCheckpoint(resume);
  if (entriesOf(outputDir).length > 0) recover(outputDir);
  const names = entriesOf(outputDir);
  if (names.length > 0 && !names.includes(RESOLVED)) {
    throw new ConfigError(
      `output_dir ${outputDir} is not empty and holds no denotune run (${
        names.slice(0, 5).join(", ")
      }); choose another output_dir`,
    );
  }
  create(outputDir);
  const stepsAside = names.length > 0;
  const anew = { continues: false, checkpoint: explicit, stepsAside };
  if (!mayContinue(run.config)) return anew;
  const at = join(outputDir, RESOLVED);
  const was = await readResolvedFile(at);
  const others = pluginDifferences(was, run.config.plugins, run.registry);
  const changed = configDifference(
    { ...was, plugins: [] },
    { ...configData(run.config), plugins: [] },
  );
  const differences = await withoutNewDefaults(
    changed.filter((d) => !d.harmless),
    run,
  );
  const newest = listCheckpoints(outputDir).at(-1)?.path ?? null;
  if (differences.length + others.length > 0) {
    if (newest === null) return anew; // nothing was saved, so nothing is lost
    refuseDifference(outputDir, differences, { plugins: others, newest });
  }
  return { continues: true, checkpoint: explicit ?? newest, stepsAside: false };
}

/** Whether the folder holds a run that this one would continue, if their settings allow it. */
export function mayContinue(
  { output_dir, training: { resume } }: RunConfig,
): boolean {
  const names = entriesOf(output_dir);
  if (!names.includes(RESOLVED) || resume === "never") return false;
  const explicit = explicitCheckpoint(resume);
  return explicit === null
    ? !names.includes(SUMMARY)
    : dirname(explicit) === output_dir;
}

/** The checkpoint that a run names; null: it takes the newest, or none. */
function explicitCheckpoint(resume: string): string | null {
  return resume === "auto" || resume === "never" ? null : resume;
}

/** Does what was decided. Returns where an older folder was moved, or null. */
export function enterRunFolder(
  outputDir: string,
  decision: FolderDecision,
): string | null {
  const moved = decision.stepsAside ? stepAside(outputDir) : null;
  create(outputDir);
  return moved;
}

function create(outputDir: string): void {
  asUserError(`write to output_dir ${outputDir}`, () => {
    Deno.mkdirSync(outputDir, { recursive: true });
    // named as what `recover` removes, should the process die right here
    const probe = temporaryBeside(join(outputDir, "write"));
    Deno.writeTextFileSync(probe, "");
    Deno.removeSync(probe);
  });
}

function entriesOf(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map((e) => e.name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (error instanceof Deno.errors.NotADirectory) {
      throw new ConfigError(`output_dir ${path} is a file; choose a folder`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Renames a folder to `<name>.1`, or the next free number. */
function stepAside(path: string): string {
  for (let n = 1;; n++) {
    const to = join(dirname(path), `${basename(path)}.${n}`);
    if (entriesOf(to).length > 0 || exists(to)) continue;
    asUserError(`rename ${path}`, () => Deno.renameSync(path, to));
    return to;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function refuseDifference(
  outputDir: string,
  differences: readonly Difference[],
  { plugins, newest }: {
    /** What is said of plugins that differ. */
    readonly plugins: readonly string[];
    /** The newest checkpoint. */
    readonly newest: string;
  },
): void {
  const show = (value: unknown) =>
    value === undefined ? "absent" : JSON.stringify(value);
  const lines = differences.slice(0, 12).map((d) =>
    `  ${d.key}: was ${show(d.was)}, now ${show(d.now)}`
  );
  const more = differences.length > 12
    ? [`  and ${differences.length - 12} more`]
    : [];
  throw new ConfigError([
    `${outputDir} holds an unfinished run with other ${
      differences.length === 0 ? "plugins" : "settings"
    }:`,
    ...plugins.map((line) => `  ${line}`),
    ...lines,
    ...more,
    `${
      plugins.length > 0
        ? "Resume with the plugins that it began with (config.resolved.yaml there has their versions and hashes)"
        : "Resume with the same settings"
    }, start anew with training.resume=never (the old folder is renamed), or choose another output_dir; with training.resume=${newest} that one begins where this run was saved`,
  ].join("\n"));
}

/** Refuses to resume with other data than the run began with. */
export function refuseOtherData(
  outputDir: string,
  was: string,
  now: string,
): void {
  if (was === now) return;
  throw otherData(
    outputDir,
    `rows, tokenizer or data settings have changed since (fingerprint ${
      was.slice(0, 12)
    } then, ${now.slice(0, 12)} now)`,
  );
}

/** The refusal to resume with other data than the run began with. */
export function otherData(outputDir: string, what: string): ConfigError {
  return new ConfigError(
    `${outputDir} holds an unfinished run on other data: ${what}. Restore the data, start anew with training.resume=never (the old folder is renamed), or choose another output_dir`,
  );
}
