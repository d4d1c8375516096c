/**
 * The run that the words of a command line ask for.
 * @module
 */
import type { LoadedRun } from "../config/load.ts";
import type { RunRequest } from "../config/load.ts";
import {
  openRegistry,
  type RegistryOptions,
} from "../config/parts/open_registry.ts";
import { kindAt } from "../io/hub/local.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { CommandContext } from "../contracts/command.ts";
import type { Registry } from "../contracts/registry.ts";
import { harmless } from "./terminal.ts";
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
  context: Pick<CommandContext, "program" | "plugins" | "trust" | "err">,
): Promise<Registry> {
  return await openRegistry(
    context.program.builtIn,
    askedPlugins(context),
  );
}

/** How the plugins that the command line names are loaded, for calls of the library that open a registry. */
export function askedPlugins(
  { plugins, trust, err }: Pick<CommandContext, "plugins" | "trust" | "err">,
): RegistryOptions {
  return {
    plugins,
    namedBy: "command line",
    ...(trust === null ? {} : { trust }),
    notice: (what) => err.line(harmless(what)),
  };
}

/** Splits the arguments `[run file ...] [key=value ...]` into the two kinds. Throws `ConfigError` for `key = value`. */
export function splitRunArguments(
  args: readonly string[],
): { files: string[]; overrides: string[] } {
  const isOverride = (arg: string) => /^[\w.-]+=/.test(arg);
  const at = args.findIndex((arg) => arg.startsWith("="));
  if (at > 0) {
    const value = args[at].slice(1) || args[at + 1] || "VALUE";
    throw new ConfigError(
      `A setting has no spaces around its =; write ${
        args[at - 1]
      }=${value}, in quotes where the value has spaces`,
    );
  }
  return {
    files: args.filter((arg) => !isOverride(arg)),
    overrides: args.filter(isOverride),
  };
}

/**
 * Loads the run of `[run file ...] [group=name ...] [key=value ...]`; without a file `denotune.yaml`, else the quickstart. What was
 * taken instead of a file is said on `out`, or on `notices` where `out` is not for people.
 */
export async function loadAskedRun(
  context: Pick<
    CommandContext,
    "arguments" | "program" | "plugins" | "trust" | "out" | "err"
  >,
  options: {
    readonly files?: RunRequest["files"];
    readonly notices?: CommandContext["out"];
    readonly calls?: RunRequest["calls"];
  } = {},
): Promise<AskedRun> {
  const notices = options.notices ?? context.out;
  const { files, overrides } = splitRunArguments(context.arguments);
  const registry = await askedRegistry(context);
  const shared = {
    overrides,
    registry,
    files: options.files,
    calls: options.calls,
    notice: (what: string) => context.err.line(harmless(what)),
  };
  const { loadRun } = library;
  if (files.length > 0) {
    return {
      run: await loadRun({ ...shared, file: files }),
      quickstart: false,
    };
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
