/**
 * What commands work with.
 * @module
 */
import type { LoadedRun } from "../config/load.ts";
import { loadRun, type RunRequest } from "../config/load.ts";
import { kindAt } from "../config/paths.ts";
import type { RunInput } from "../config/types.ts";
import { ConfigError } from "../contracts/errors.ts";
import { openRegistry } from "../config/parts/open_registry.ts";
import type { Output, Outputs } from "./terminal.ts";

/** What every command gets. */
export interface CliContext extends Outputs {
  /** How the user starts denotune, for commands that are suggested. */
  readonly command: string;
  /** Sets the exit code of a command that does not throw. */
  exitWith(code: number): void;
}

/** Run file that is taken where none is named. */
const DEFAULT_FILE = "denotune.yaml";

/** The run that was asked for, and where it came from. */
export interface AskedRun {
  readonly run: LoadedRun;
  /** Whether nothing was named and nothing was there: the bundled quickstart. */
  readonly quickstart: boolean;
}

/** Tells the arguments `[run file] [key=value ...]` apart. Throws `ConfigError`. */
export function splitRunArguments(
  args: readonly string[],
): { file: string | null; overrides: string[] } {
  const isOverride = (arg: string) => /^[\w.-]+=/.test(arg);
  const files = args.filter((arg) => !isOverride(arg));
  if (files.length > 1) {
    throw new ConfigError(
      `Expected one run file, found ${
        files.map((f) => `\`${f}\``).join(" and ")
      }; settings are given as key=value`,
    );
  }
  return { file: files[0] ?? null, overrides: args.filter(isOverride) };
}

/** Loads the run of `[run file] [key=value ...]`; without a file `denotune.yaml`, else the quickstart. */
export async function loadAskedRun(
  args: readonly string[],
  { out, files }: { out: Output; files?: RunRequest["files"] },
): Promise<AskedRun> {
  const { file, overrides } = splitRunArguments(args);
  const registry = await openRegistry();
  const shared = { overrides, registry, files };
  if (file !== null) {
    return { run: await loadRun({ ...shared, file }), quickstart: false };
  }
  if (await kindAt(`${Deno.cwd()}/${DEFAULT_FILE}`) === "file") {
    out.line(`Using ${DEFAULT_FILE}`);
    return {
      run: await loadRun({ ...shared, file: DEFAULT_FILE }),
      quickstart: false,
    };
  }
  out.line(
    `No run file given, and no ${DEFAULT_FILE} here: this is the bundled quickstart (examples/quickstart)`,
  );
  const { default: quickstart } = await import(
    "../../examples/quickstart/run.ts"
  );
  const object: RunInput = quickstart;
  return { run: await loadRun({ ...shared, object }), quickstart: true };
}
