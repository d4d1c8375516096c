/**
 * Where denotune's own modules are: in a checkout, as a package, and in a bundle, as `start_worker.ts` draws it. It
 * imports nothing: an import of the library loads it, and `node:url` alone takes longer than most of that.
 * @module
 */

/** Ends the URL of this very module wherever modules are files. */
const OWN_PATH = /\/core\/own_module\.[jt]s$/;
/** Begins the name of each worker of a bundle. */
export const WORKER_NAME = "denotune worker ";

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

/** What a worker of a bundle is for; null on every other thread. */
export function workerName(): string | null {
  const name: unknown = Reflect.get(globalThis, "name");
  return typeof name === "string" && name.startsWith(WORKER_NAME)
    ? name.slice(WORKER_NAME.length)
    : null;
}
