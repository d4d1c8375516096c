/**
 * Loads the modules named under `plugins`. Nothing else of a run file is ever loaded as code.
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDenotuneError, PluginError } from "../../contracts/errors.ts";
import type { Plugin } from "../../contracts/plugin.ts";
import type {
  Isolation,
  LoadedFrom,
  RegisteredPlugin,
  Registry,
} from "../../contracts/registry.ts";
import type { PluginIdentity } from "../../contracts/trust.ts";
import { DEFAULT_ISOLATION, loadIsolated } from "../isolated/load_isolated.ts";
import { checkModules } from "../isolated/own_modules.ts";
import { permissionFault } from "../isolated/permissions.ts";
import { parseBytes } from "../parse/bytes.ts";
import { decideTrust, type NamedBy } from "../trust/decide_trust.ts";
import { isKnown } from "../trust/remembered.ts";
import { hashGraph, resolveLoaded } from "../trust/module_graph.ts";
import { CHANGED, isChanged } from "../trust/changed_code.ts";
import { loadWithoutRunning } from "../trust/load_without_running.ts";
import type { PluginEntry, UntrustedPlugins } from "../types.ts";
import type { CallWatch } from "./guard_part.ts";
import { importHint } from "./import_hint.ts";
import { importModule } from "./import_module.ts";
import { readIntrinsics } from "./intrinsics.ts";
import { hostOf, isRemote } from "./remote_plugin.ts";
import { kindAt } from "../paths.ts";
import { lowerFirst, messageOf, show } from "../parse/problem.ts";
import { inside, type Leaf, plain, type Tree } from "../parse/tree.ts";

/** A plugin as a run names it. */
export interface NamedPlugin {
  /** The package or address, or the absolute path of the file. */
  readonly specifier: string;
  /** Where it is named: `run.yaml:3:5`. */
  readonly place: string;
  /** Whether a program wrote its name. */
  readonly inCode: boolean;
  /** The version and the hash that it must have; null where the run says none. */
  readonly pinned: PluginIdentity;
  /** How it is isolated; null: its code runs in this process. */
  readonly isolation: Isolation | null;
}

/** What plugins are loaded with. */
export interface LoadingPlugins {
  /** Receives what was loaded. */
  readonly registry: Registry;
  /** Who wrote the names that no program wrote. */
  readonly named: NamedBy;
  /** What becomes of plugins that are not trusted; by default `ask`. */
  readonly untrusted?: UntrustedPlugins;
  /** Called before a plugin is fetched for the first time, and when one takes long to load. */
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
    // what is not a text is the schema's to refuse; code is not run because `isolated` was misspelt
    if (use?.type !== "leaf" || typeof use.value !== "string") return [];
    const keys = item.type === "map" ? [...item.entries.keys()] : [];
    if (keys.some((key) => !KEYS.includes(key))) return [];
    const text = (key: string): string | null => {
      const found = item.type === "map" ? inside(item, key) : undefined;
      return found?.type === "leaf" && typeof found.value === "string"
        ? found.value
        : null;
    };
    return [{
      specifier: specifierOf(use.value, use),
      place: use.origin.place,
      inCode: use.origin.code === true,
      pinned: { version: text("version"), hash: text("hash") },
      isolation: item.type === "map" ? isolationOf(item) : null,
    }];
  });
}

/**
 * The plugins that a run depends on, as its settings hold them: those that it names and those that the command line
 * adds, but none that brings commands alone.
 */
export function pluginEntries(registry: Registry): PluginEntry[] {
  return registry.plugins().flatMap(({ module, identity, isolation, plugin }) =>
    identity === null || plugin.parts.every(({ kind }) => kind === "command")
      ? []
      : [{ use: module, ...identity, ...isolationKeys(isolation) }]
  );
}

/** Keys of a plugin in a run file. */
const KEYS: readonly string[] = [
  "use",
  "version",
  "hash",
  "isolated",
  "time_limit",
  "memory_limit",
  "permissions",
];

/** How a plugin is isolated; what is not of its type is the schema's to refuse, and isolated until then. */
function isolationOf(item: Extract<Tree, { type: "map" }>): Isolation | null {
  const written = (key: string): unknown => {
    const found = inside(item, key);
    return found === undefined ? undefined : plain(found);
  };
  const isolated = written("isolated");
  if (isolated === undefined || isolated === false) return null;
  const { time_limit, memory_limit, permissions } = {
    time_limit: written("time_limit"),
    memory_limit: written("memory_limit"),
    permissions: written("permissions"),
  };
  const bytes = typeof memory_limit === "string"
    ? parseBytes(memory_limit)
    : null;
  return {
    ...DEFAULT_ISOLATION,
    ...(typeof time_limit === "number" && time_limit > 0
      ? { timeMs: 1000 * time_limit }
      : {}),
    ...(bytes === null ? {} : { memoryMB: Math.ceil(bytes / 1e6) }),
    granted: Array.isArray(permissions)
      ? permissions.filter((one) =>
        typeof one === "string" && permissionFault(one) === null
      )
      : [],
  };
}

function isolationKeys(isolation: Isolation | null): Partial<PluginEntry> {
  return isolation === null ? {} : {
    isolated: true,
    time_limit: isolation.timeMs / 1000,
    memory_limit: `${isolation.memoryMB}MB`,
    permissions: isolation.granted,
  };
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
  plugin: NamedPlugin,
  loading: LoadingPlugins,
): Promise<void> {
  const { specifier, place } = plugin;
  const { registry, notice } = loading;
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
  const url = remote ? specifier : pathToFileURL(specifier).href;
  if (remote && notice !== undefined && !isKnown(specifier)) {
    notice(
      `First use of the plugin ${specifier}: its code comes from ${
        hostOf(specifier)
      } and would run with all rights of this process`,
    );
  }
  let loaded: LoadedModule | null;
  try {
    loaded = await loadModule(url, plugin, loading);
  } catch (error) {
    if (error instanceof Refused) throw error.reason;
    return fail(
      error instanceof NotThatModule
        ? `the plugin ${specifier} ${error.message}`
        : `cannot load the plugin ${specifier}: ${messageOf(error)}${
          importHint(messageOf(error))
        }`,
      error,
    );
  }
  if (loaded === null) return; // it is there already
  try {
    registry.add(loaded.exported, specifier, url, loaded);
  } catch (error) {
    // the registry names the module; the line that asked for it is added
    if (isDenotuneError(error)) return fail(lowerFirst(error.message), error);
    return fail(
      `cannot read the plugin ${specifier}: ${messageOf(error)}`,
      error,
    );
  }
}

/** A module that was run. */
interface LoadedModule extends LoadedFrom {
  /** Its default export. */
  readonly exported: unknown;
}

/** What is found is not what was asked for. Its message is the end of a sentence about the plugin. */
class NotThatModule extends Error {}

/** A module may not run. */
class Refused extends Error {
  readonly reason: unknown;

  constructor(reason: unknown) {
    super("refused");
    this.reason = reason;
  }
}

/** Loads a module, and runs it where it is trusted; null where the registry has it. */
async function loadModule(
  url: string,
  { specifier, place, inCode, pinned, isolation: written }: NamedPlugin,
  { registry, named: by, untrusted, notice, calls }: LoadingPlugins,
): Promise<LoadedModule | null> {
  const announced = async <T>(work: Promise<T>): Promise<T> => {
    const timer = setTimeout(
      () => notice?.(`waiting for the plugin ${specifier} to be loaded`),
      LONG_MS,
    );
    return await work.finally(() => clearTimeout(timer));
  };
  await announced(loadWithoutRunning(url));
  const known = await findModule(url, registry);
  const identity = known?.identity ?? await hashGraph(url);
  const fault = pinFault(pinned, identity);
  if (fault !== null) throw new NotThatModule(fault);
  if (known !== undefined) {
    if (written === null || known.isolation !== null) return null;
    throw new NotThatModule(
      "is loaded already, and not isolated; name it in one place, with `isolated`",
    );
  }
  const named: NamedBy = inCode ? { by: "code" } : by;
  // what runs without permissions needs nobody's trust
  const trusted = written === null
    ? await decideTrust(
      { type: "plugin", specifier, url, place, named, ...identity },
      registry.trust,
      { untrusted },
    ).catch((error) => {
      throw new Refused(error);
    })
    : null;
  const isolation = trusted === null ? written ?? DEFAULT_ISOLATION : null;
  if (isolation !== written) {
    notice?.(
      `The plugin ${specifier} is not trusted: it runs isolated, in a process without permissions`,
    );
  }
  // asking may have taken long
  await refuseChanged(url, identity);
  const before = calls?.enter(
    calls.number(`the module of the plugin ${specifier}`),
  );
  const intrinsics = readIntrinsics();
  let changed: string | null = null;
  const loading = async (): Promise<unknown> => {
    // with no method of promises, which may be what was changed
    try {
      return isolation === null
        ? (await importModule(url)).default
        : await isolatedPlugin({ url, module: specifier, isolation });
    } finally {
      changed = intrinsics.restore();
      if (before !== undefined) calls?.leave(before);
    }
  };
  const exported = await announced(loading());
  if (changed !== null) {
    throw new NotThatModule(
      `changes ${changed} of JavaScript, which every other module computes with; a plugin must not`,
    );
  }
  await refuseChanged(url, identity);
  return {
    exported,
    identity,
    trusted: trusted ?? NOT_TRUSTED,
    isolation,
  };
}

/** Why the code of an isolated plugin runs, as the end of a sentence. */
const NOT_TRUSTED = "it runs in a process without permissions";

async function refuseChanged(
  url: string,
  { hash }: PluginIdentity,
): Promise<void> {
  if (await isChanged(url, hash)) throw new NotThatModule(CHANGED);
}

async function isolatedPlugin(
  plugin: Parameters<typeof loadIsolated>[0],
): Promise<Plugin> {
  const { url, module, isolation: { granted } } = plugin;
  await checkModules(url, { module, granted });
  return await loadIsolated(plugin);
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
