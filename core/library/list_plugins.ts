/**
 * Which code a run file would run, without running it.
 * @module
 */
import { resolve } from "node:path";
import { layoutOf } from "../config/parse/layout.ts";
import { readRunText } from "../config/parse/read.ts";
import { namedPlugins } from "../config/parts/plugins.ts";
import { hostOf, isRemote } from "../config/parts/remote_plugin.ts";

/** A plugin that a run file names. */
export interface ListedPlugin {
  /** The package or address, or the absolute path of the file. */
  readonly specifier: string;
  /** Where it is named: `run.yaml:3:5`. */
  readonly place: string;
  /** The host that its code comes from; null for a file. */
  readonly host: string | null;
}

/** The plugins of a run file and of the files that it extends. Throws `ConfigError` for a run file that is code. */
export async function listPlugins(file: string): Promise<ListedPlugin[]> {
  const cwd = Deno.cwd();
  const run = await readRunText(resolve(cwd, file), cwd, layoutOf("sft"));
  return namedPlugins(run).map((plugin) => ({
    ...plugin,
    host: isRemote(plugin.specifier) ? hostOf(plugin.specifier) : null,
  }));
}
