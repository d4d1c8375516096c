/**
 * Loads the modules named under `plugins`. Nothing else of a run file is ever loaded as code.
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDenotuneError, PluginError } from "../../contracts/errors.ts";
import type { Registry } from "../../contracts/plugin.ts";
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
}

/**
 * Loads every plugin of a run into the registry, in order, and gives their specifiers with paths
 * made absolute. Throws `PluginError` that names the module, with the cause.
 */
export async function loadPlugins(
  run: Tree,
  registry: Registry,
  notice?: (what: string) => void,
): Promise<string[]> {
  const named = namedPlugins(run);
  for (const plugin of named) await loadPlugin(plugin, { registry, notice });
  return named.map(({ specifier }) => specifier);
}

/** The plugins that a run names; none is loaded. Throws `PluginError` for a name that is no module's. */
export function namedPlugins(run: Tree): NamedPlugin[] {
  const list = inside(run, "plugins");
  return (list?.type === "list" ? list.items : []).flatMap((leaf) =>
    // what is not a text is the schema's to refuse
    leaf.type === "leaf" && typeof leaf.value === "string"
      ? [{ specifier: specifierOf(leaf.value, leaf), place: leaf.origin.place }]
      : []
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
  { specifier, place }: NamedPlugin,
  { registry, notice }: {
    readonly registry: Registry;
    readonly notice?: (what: string) => void;
  },
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
  let module: { default?: unknown };
  const timer = setTimeout(
    () => notice?.(`waiting for the plugin ${specifier} to be loaded`),
    LONG_MS,
  );
  try {
    module = await importModule(url);
  } catch (error) {
    return fail(
      `cannot load the plugin ${specifier}: ${messageOf(error)}`,
      error,
    );
  } finally {
    clearTimeout(timer);
  }
  try {
    registry.add(module.default, specifier, url);
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
