/**
 * The run that the words of a command line ask for.
 * @module
 */
import type { LoadedRun } from "../config/load.ts";
import type { RunRequest } from "../config/load.ts";
import { openRegistry } from "../config/parts/open_registry.ts";
import { kindAt } from "../config/paths.ts";
import type { CommandContext } from "../contracts/command.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { Registry } from "../contracts/plugin.ts";
import { library } from "../library/mod.ts";

/** Run file that is taken where none is named. */
const DEFAULT_FILE = "denotune.yaml";

/** The run that was asked for, and where it came from. */
export interface AskedRun {
  /** The run, checked. */
  readonly run: LoadedRun;
  /** Whether nothing was named and nothing was there: the bundled quickstart. */
  readonly quickstart: boolean;
}

/** The built-in parts, and those of the plugins that the command line names. */
export async function askedRegistry(
  { program, plugins, err }: Pick<
    CommandContext,
    "program" | "plugins" | "err"
  >,
): Promise<Registry> {
  return await openRegistry(program.builtIn, {
    plugins,
    notice: (what) => err.line(what),
  });
}

/** Splits the arguments `[run file] [key=value ...]` into the two kinds. Throws `ConfigError`. */
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

/**
 * Loads the run of `[run file] [key=value ...]`; without a file `denotune.yaml`, else the quickstart. What was
 * taken instead of a file is said on `out`, or on `notices` where `out` is not for people.
 */
export async function loadAskedRun(
  context: Pick<
    CommandContext,
    "arguments" | "program" | "plugins" | "out" | "err"
  >,
  options: {
    readonly files?: RunRequest["files"];
    readonly notices?: CommandContext["out"];
  } = {},
): Promise<AskedRun> {
  const notices = options.notices ?? context.out;
  const { file, overrides } = splitRunArguments(context.arguments);
  const registry = await askedRegistry(context);
  const shared = {
    overrides,
    registry,
    files: options.files,
    notice: (what: string) => context.err.line(what),
  };
  const { loadRun } = library;
  if (file !== null) {
    return { run: await loadRun({ ...shared, file }), quickstart: false };
  }
  if (await kindAt(`${Deno.cwd()}/${DEFAULT_FILE}`) === "file") {
    notices.line(`Using ${DEFAULT_FILE}`);
    return {
      run: await loadRun({ ...shared, file: DEFAULT_FILE }),
      quickstart: false,
    };
  }
  notices.line(
    `No run file given, and no ${DEFAULT_FILE} here: this is the bundled quickstart (examples/quickstart)`,
  );
  const object = await context.program.quickstart();
  return { run: await loadRun({ ...shared, object }), quickstart: true };
}
