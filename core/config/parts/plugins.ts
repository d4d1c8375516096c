/**
 * Loads the modules named under `plugins`. Nothing else of a run file is ever loaded as code.
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDenotuneError, PluginError } from "../../contracts/errors.ts";
import type { Registry } from "../../contracts/plugin.ts";
import { importModule } from "./import_module.ts";
import { kindAt } from "../paths.ts";
import { lowerFirst, messageOf, show } from "../parse/problem.ts";
import { inside, type Leaf, type Tree } from "../parse/tree.ts";

/**
 * Loads every plugin of a run into the registry, in order, and gives their specifiers with paths
 * made absolute. Throws `PluginError` that names the module, with the cause.
 */
export async function loadPlugins(
  run: Tree,
  registry: Registry,
  waiting?: (what: string) => void,
): Promise<string[]> {
  const list = inside(run, "plugins");
  const specifiers: string[] = [];
  for (const leaf of list?.type === "list" ? list.items : []) {
    // what is not a text is the schema's to refuse
    if (leaf.type === "leaf" && typeof leaf.value === "string") {
      specifiers.push(
        await loadPlugin(leaf.value, leaf, { registry, waiting }),
      );
    }
  }
  return specifiers;
}

/** How long a module may take to load before it is said that it is waited for. */
const LONG_MS = 3000;

async function loadPlugin(
  written: string,
  { origin }: Leaf,
  { registry, waiting }: {
    readonly registry: Registry;
    readonly waiting?: (what: string) => void;
  },
): Promise<string> {
  const fail = (message: string, cause?: unknown): never => {
    throw new PluginError(`${origin.place}: ${message}`, { cause });
  };
  const isRemote = /^(npm|jsr|https):/.test(written);
  const isFile = /^\.\.?[/\\]/.test(written) || isAbsolute(written) ||
    written.startsWith("file:");
  if (!isRemote && !isFile) {
    return fail(
      `plugin ${
        show(written)
      } is neither a file nor a package; write "./${written}" for a file, or "npm:${written}" for a package`,
    );
  }
  const specifier = isRemote
    ? written
    : written.startsWith("file:")
    ? fileURLToPath(written)
    : resolve(origin.base, written);
  if (!isRemote && await kindAt(specifier) !== "file") {
    return fail(`there is no plugin module ${specifier}`);
  }
  let module: { default?: unknown };
  const timer = setTimeout(
    () => waiting?.(`waiting for the plugin ${specifier} to be loaded`),
    LONG_MS,
  );
  try {
    module = await importModule(
      isRemote ? specifier : pathToFileURL(specifier).href,
    );
  } catch (error) {
    return fail(
      `cannot load the plugin ${specifier}: ${messageOf(error)}`,
      error,
    );
  } finally {
    clearTimeout(timer);
  }
  try {
    registry.add(
      module.default,
      specifier,
      isRemote ? specifier : pathToFileURL(specifier).href,
    );
  } catch (error) {
    // the registry names the module; the line that asked for it is added
    if (isDenotuneError(error)) return fail(lowerFirst(error.message), error);
    return fail(
      `cannot read the plugin ${specifier}: ${messageOf(error)}`,
      error,
    );
  }
  return specifier;
}
