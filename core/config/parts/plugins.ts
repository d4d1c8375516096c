/**
 * Loads the modules named under `plugins`. Nothing else of a run file is ever loaded as code.
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDenotuneError, PluginError } from "../../contracts/errors.ts";
import type {
  PluginIdentity,
  RegisteredPlugin,
  Registry,
} from "../../contracts/plugin.ts";
import { hashGraph, resolveLoaded } from "../trust/module_graph.ts";
import { loadWithoutRunning } from "../trust/load_without_running.ts";
import type { PluginEntry } from "../types.ts";
import type { CallWatch } from "./guard_part.ts";
import { importHint } from "./import_hint.ts";
import { importModule } from "./import_module.ts";
import { firstUse, isRemote, rememberUse } from "./remote_plugin.ts";
import { kindAt } from "../paths.ts";
import { lowerFirst, messageOf, show } from "../parse/problem.ts";
import { inside, type Leaf, type Tree } from "../parse/tree.ts";

/** A plugin as a run names it. */
export interface NamedPlugin {
  /** The package or address, or the absolute path of the file. */
  readonly specifier: string;
  /** Where it is named: `run.yaml:3:5`. */
  readonly place: string;
  /** The version and the hash that it must have; null where the run says none. */
  readonly pinned: PluginIdentity;
}

/** What plugins are loaded with. */
export interface LoadingPlugins {
  /** Receives what was loaded. */
  readonly registry: Registry;
  /** Called when a plugin of somebody else's host is used for the first time, and when one takes long to load. */
  readonly notice?: (what: string) => void;
  /** Is informed of which plugin is loaded. */
  readonly calls?: CallWatch;
}

/**
 * Loads every plugin of a run into the registry, in order; one that the registry has is not loaded again. Throws
 * `PluginError` that names the module, with the cause.
 */
export async function loadPlugins(
  run: Tree,
  loading: LoadingPlugins,
): Promise<void> {
  for (const plugin of namedPlugins(run)) await loadPlugin(plugin, loading);
}

/** The plugins that a run names; none is loaded. Throws `PluginError` for a name that is no module's. */
export function namedPlugins(run: Tree): NamedPlugin[] {
  const list = inside(run, "plugins");
  return (list?.type === "list" ? list.items : []).flatMap((item) => {
    const use = item.type === "map" ? inside(item, "use") : item;
    // what is not a text is the schema's to refuse
    if (use?.type !== "leaf" || typeof use.value !== "string") return [];
    const text = (key: string): string | null => {
      const found = item.type === "map" ? inside(item, key) : undefined;
      return found?.type === "leaf" && typeof found.value === "string"
        ? found.value
        : null;
    };
    return [{
      specifier: specifierOf(use.value, use),
      place: use.origin.place,
      pinned: { version: text("version"), hash: text("hash") },
    }];
  });
}

/**
 * The plugins that a run depends on, as its settings hold them: those that it names and those that the command line
 * adds, but none that brings commands alone.
 */
export function pluginEntries(registry: Registry): PluginEntry[] {
  return registry.plugins().flatMap(({ module, identity, plugin }) =>
    identity === null || plugin.parts.every(({ kind }) => kind === "command")
      ? []
      : [{ use: module, ...identity }]
  );
}

/** Whether a text says where a module is. A bare name does not. */
export function namesModule(written: string): boolean {
  return isRemote(written) || written.startsWith("file:") || isPath(written);
}

function isPath(written: string): boolean {
  return /^\.\.?[/\\]/.test(written) || isAbsolute(written);
}

function specifierOf(written: string, { origin }: Leaf): string {
  if (isRemote(written)) return written;
  if (written.startsWith("file:")) {
    try {
      return fileURLToPath(written);
    } catch (cause) {
      throw new PluginError(
        `${origin.place}: plugin ${show(written)} is no address of a file: ${
          messageOf(cause)
        }`,
        { cause },
      );
    }
  }
  if (isPath(written)) {
    return resolve(origin.base, written);
  }
  throw new PluginError(
    `${origin.place}: plugin ${
      show(written)
    } is neither a file nor a package; write "./${written}" for a file, or "npm:${written}" for a package`,
  );
}

/** How long a module may take to load before it is said that it is waited for. */
const LONG_MS = 3000;

async function loadPlugin(
  { specifier, place, pinned }: NamedPlugin,
  { registry, notice, calls }: LoadingPlugins,
): Promise<void> {
  const fail = (message: string, cause?: unknown): never => {
    throw new PluginError(`${place}: ${message}`, { cause });
  };
  const remote = isRemote(specifier);
  if (!remote) {
    if (await kindAt(specifier) !== "file") {
      return fail(`there is no plugin module ${specifier}`);
    }
    // an import of a pipe waits for its writer
    if (!Deno.statSync(specifier).isFile) {
      return fail(`the plugin module ${specifier} is no file`);
    }
  }
  const first = notice === undefined ? null : firstUse(specifier);
  if (first !== null) notice?.(first);
  const url = remote ? specifier : pathToFileURL(specifier).href;
  const timer = setTimeout(
    () => notice?.(`waiting for the plugin ${specifier} to be loaded`),
    LONG_MS,
  );
  let loaded: LoadedModule | null;
  const before = calls?.enter(
    calls.number(`the module of the plugin ${specifier}`),
  );
  try {
    loaded = await loadModule(url, { registry, pinned });
  } catch (error) {
    return fail(
      error instanceof NotThatModule
        ? `the plugin ${specifier} ${error.message}`
        : `cannot load the plugin ${specifier}: ${messageOf(error)}${
          importHint(messageOf(error))
        }`,
      error,
    );
  } finally {
    clearTimeout(timer);
    if (before !== undefined) calls?.leave(before);
  }
  if (loaded === null) return; // it is there already
  try {
    registry.add(loaded.exported, specifier, url, loaded.identity);
  } catch (error) {
    // the registry names the module; the line that asked for it is added
    if (isDenotuneError(error)) return fail(lowerFirst(error.message), error);
    return fail(
      `cannot read the plugin ${specifier}: ${messageOf(error)}`,
      error,
    );
  }
  if (first !== null) rememberUse(specifier);
}

/** A module that was run. */
interface LoadedModule {
  /** Its default export. */
  readonly exported: unknown;
  readonly identity: PluginIdentity;
}

/** What is found is not what was asked for. Its message is the end of a sentence about the plugin. */
class NotThatModule extends Error {}

/** Loads and runs a module; null where the registry has it. */
async function loadModule(
  url: string,
  { registry, pinned }: {
    readonly registry: Registry;
    readonly pinned: PluginIdentity;
  },
): Promise<LoadedModule | null> {
  await loadWithoutRunning(url);
  const known = await findModule(url, registry);
  const identity = known?.identity ?? await hashGraph(url);
  const fault = pinFault(pinned, identity);
  if (fault !== null) throw new NotThatModule(fault);
  if (known !== undefined) return null;
  const { default: exported } = await importModule(url);
  const { hash } = await hashGraph(url, { onDisk: true });
  if (hash !== identity.hash) {
    // a process keeps the modules that it has loaded, whatever becomes of their files
    throw new NotThatModule("was changed since it was loaded; start again");
  }
  return { exported, identity };
}

/** The plugin of the registry that has a loaded module: links and ranges of versions followed. */
async function findModule(
  url: string,
  registry: Registry,
): Promise<RegisteredPlugin | undefined> {
  const real = async (of: string): Promise<string | null> =>
    of.startsWith("file:")
      ? Deno.realPathSync(fileURLToPath(of))
      : await resolveLoaded(of);
  const found = await real(url);
  for (const other of registry.plugins()) {
    if (other.url === null || other.identity === null) continue;
    if (other.url === url || await real(other.url) === found) return other;
  }
  return undefined;
}

/** How a plugin differs from what the run file says that it is, as the end of a sentence; null: it does not. */
function pinFault(
  pinned: PluginIdentity,
  { version, hash }: PluginIdentity,
): string | null {
  const others = [
    ...(pinned.hash === null || pinned.hash === hash
      ? []
      : [`its hash is ${hash ?? "not known"}, not ${pinned.hash}`]),
    // where the hash is the same, the version is
    ...(pinned.hash !== null || pinned.version === null || version === null ||
        pinned.version === version
      ? []
      : [`its version is ${version}, not ${pinned.version}`]),
  ];
  return others.length === 0
    ? null
    : `is another one than this run names: ${
      others.join("; ")
    }. Restore it, or remove \`version\` and \`hash\` there to run with what there is now`;
}
