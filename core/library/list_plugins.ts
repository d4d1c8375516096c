/**
 * Which code a run file would run and whether it may, without running it. Packages and addresses are not fetched.
 * @module
 */
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "../contracts/errors.ts";
import { layoutOf } from "../config/parse/layout.ts";
import { readRunText } from "../config/parse/read.ts";
import { type NamedPlugin, namedPlugins } from "../config/parts/plugins.ts";
import { hostOf, isRemote } from "../config/parts/remote_plugin.ts";
import { untrustedPlugins } from "../config/load.ts";
import { isolatesUntrusted, vouchedFor } from "../config/trust/decide_trust.ts";
import { loadWithoutRunning } from "../config/trust/load_without_running.ts";
import { hashGraph } from "../config/trust/module_graph.ts";
import { isKnown } from "../config/trust/remembered.ts";

/** A plugin that a run file names. */
export interface ListedPlugin {
  /** The package or address, or the absolute path of the file. */
  readonly specifier: string;
  /** Where it is named: `run.yaml:3:5`. */
  readonly place: string;
  /** The host that its code comes from; null for a file. */
  readonly host: string | null;
  /** What becomes of its code: as a sentence without its end, `trusted: it is in the folder of the run file`. */
  readonly trust: string;
}

/** The plugins of a run file and of the files that it extends. Throws `ConfigError` for a run file that is code. */
export async function listPlugins(file: string): Promise<ListedPlugin[]> {
  const cwd = Deno.cwd();
  const path = resolve(cwd, file);
  const run = await readRunText(path, cwd, layoutOf("sft"));
  const listed: ListedPlugin[] = [];
  for (const plugin of namedPlugins(run)) {
    const { specifier, place } = plugin;
    listed.push({
      specifier,
      place,
      host: isRemote(specifier) ? hostOf(specifier) : null,
      trust: await trustOf(plugin, {
        folder: dirname(path),
        isolates: isolatesUntrusted(untrustedPlugins(run) ?? "ask"),
      }),
    });
  }
  return listed;
}

/** What would become of a plugin's code. */
async function trustOf(
  { specifier, isolation, pinned }: NamedPlugin,
  { folder, isolates }: {
    readonly folder: string;
    /** What becomes of plugins that are not trusted. */
    readonly isolates: boolean;
  },
): Promise<string> {
  if (isolation !== null) {
    return "isolated: it runs in a process without permissions";
  }
  const remote = isRemote(specifier);
  const { version } = pinned;
  const named = { by: "run file", folders: [folder] } as const;
  const byName = vouchedFor({ specifier, version, hash: pinned.hash, named });
  if (byName !== null) return `trusted: ${byName}`;
  if (!remote) {
    const hash = await hashOf(specifier);
    if (hash instanceof Error) {
      return `cannot be loaded: ${hash.message.split("\n")[0]}`;
    }
    const byHash = vouchedFor({ specifier, version, hash, named });
    if (byHash !== null) return `trusted: ${byHash}`;
  }
  const then = isolates ? "it would run isolated" : "you would be asked";
  if (!isKnown(specifier)) return `not trusted yet: ${then}`;
  return remote
    ? `trusted before: ${then} if its code has changed since`
    : `not the code that you trusted: ${then}`;
}

/** The hash of a file's modules, none of which runs; an error where they cannot be loaded. */
async function hashOf(file: string): Promise<string | null | Error> {
  const url = pathToFileURL(file).href;
  try {
    await loadWithoutRunning(url);
    return (await hashGraph(url)).hash;
  } catch (error) {
    return new Error(messageOf(error), { cause: error });
  }
}
