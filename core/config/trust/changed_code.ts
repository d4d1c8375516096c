/**
 * Whether the files of a plugin are still the code that a run began with: a process keeps the modules that it has
 * loaded, a later process or worker would load what the files hold by then.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import { loadWithoutRunning } from "./load_without_running.ts";
import { hashGraph } from "./module_graph.ts";

/** What is wrong with a plugin whose files have changed, as the end of a sentence about it. */
export const CHANGED = "was changed since it was loaded; start again";

/** Whether the files of a loaded module have changed. Packages and addresses stay as Deno's cache has them. */
export async function isChanged(
  url: string,
  hash: string | null,
): Promise<boolean> {
  return url.startsWith("file:") &&
    (await hashGraph(url, { onDisk: true })).hash !== hash;
}

/**
 * Loads a plugin's module in a worker without running it. Throws `PluginError` where it is not the code that the main
 * thread has; `hash`: that of the main thread, null where it knows none.
 */
export async function loadSameCode(
  { url, module, hash }: {
    readonly url: string;
    /** The module, as people are shown it. */
    readonly module: string;
    readonly hash: string | null;
  },
): Promise<void> {
  if (hash === null || !url.startsWith("file:")) return;
  await loadWithoutRunning(url); // what is compared is what will run
  if (await isChanged(url, hash)) {
    throw new PluginError(`The plugin ${module} ${CHANGED}`);
  }
}
