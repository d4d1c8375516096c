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

/** Ends the URL of this very module wherever modules are files. */
const OWN_PATH = /\/core\/io\/start_worker\.[jt]s$/;
const NAME = "denotune worker ";

/** The URL of the bundle that denotune is part of; null where its modules are files. */
export function bundleUrl(): string | null {
  return OWN_PATH.test(new URL(import.meta.url).pathname)
    ? null
    : import.meta.url;
}

/**
 * The URL of a module of denotune's own, written as in the checkout: a package of npm holds `.js` files where the
 * checkout has `.ts`, and rewrites the specifiers of imports only.
 */
export function ownModule(url: URL): URL {
  return import.meta.url.endsWith(".js")
    ? new URL(url.href.replace(/\.ts$/, ".js"))
    : url;
}

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
    : new Worker(bundle, { type: "module", name: `${NAME}${name}` });
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

/** What a worker of a bundle is for; null on every other thread. */
export function workerName(): string | null {
  const name: unknown = Reflect.get(globalThis, "name");
  return typeof name === "string" && name.startsWith(NAME)
    ? name.slice(NAME.length)
    : null;
}
