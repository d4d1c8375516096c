/**
 * Workers whose module is a file of denotune's own: in a checkout, as a package, and in a bundle.
 *
 * ```text
 * checkout, JSR       new Worker("…/backends/cpu/worker.ts")
 * package of npm      new Worker("…/backends/cpu/worker.js")
 * bundle              new Worker("…/bundle.js", {name: "denotune worker cpu"})
 *                       evaluates the bundle up to `workInBundle` (core/library), which loads backends/cpu/worker.ts
 *                       from within the bundle and never resolves: the program behind it does not run again
 * ```
 *
 * A bundler follows `import("./worker.ts")` and leaves `new URL("./worker.ts", import.meta.url)` alone, and a
 * bundle has one URL for all of its modules.
 * @module
 */
import { fileURLToPath } from "node:url";
import { isGranted, needs } from "../permissions.ts";
import { bundleUrl, ownModule, WORKER_NAME } from "../own_module.ts";

/**
 * Starts a worker of denotune's own. `name` is its key in the list of workers (`BuiltIn.workers`), which a bundle
 * finds it by; `url` is its module's.
 */
export function startWorker(name: string, url: URL): Worker {
  const bundle = bundleUrl();
  mustRead(
    bundle === null ? new URL("../../", import.meta.url) : new URL(bundle),
  );
  return bundle === null
    ? new Worker(ownModule(url), { type: "module" })
    : new Worker(bundle, { type: "module", name: `${WORKER_NAME}${name}` });
}

/** Deno lets a worker load only code that its process may read, and says so on standard error alone. */
function mustRead(code: URL): void {
  if (code.protocol !== "file:") return;
  const path = fileURLToPath(code).replace(/(?<=.)[/\\]$/, "");
  if (isGranted({ name: "read", path })) return;
  throw needs("start workers, which load denotune's own code", {
    name: "read",
    path,
  });
}

/** How the modules of workers are loaded, by name. */
export type WorkerModules = Readonly<Record<string, () => Promise<unknown>>>;
