/**
 * Plugins that are fetched (`npm:`, `jsr:`, `https:`): where from, and which of them were used here before.
 * @module
 */
import { join } from "node:path";
import { cacheFolder } from "../../io/cache_folder.ts";
import { writeFileAtomic } from "../../io/atomic.ts";
import type { Environment } from "../../io/hub/hub_cache.ts";
import { environmentVariable } from "../../permissions.ts";

/** Whether a plugin is named as something that is fetched. */
export function isRemote(written: string): boolean {
  return /^(npm|jsr|https):/i.test(written);
}

/** The host that a remote plugin's code is fetched from, as Deno is set up. */
export function hostOf(
  specifier: string,
  env: Environment = environmentVariable,
): string {
  const url = /^npm:/i.test(specifier)
    ? env("NPM_CONFIG_REGISTRY") || "https://registry.npmjs.org"
    : /^jsr:/i.test(specifier)
    ? env("JSR_URL") || "https://jsr.io"
    : specifier;
  return URL.canParse(url) ? new URL(url).host : url;
}

/** The sentence for a plugin that was not used here before; null for one that was, or that is a file. */
export function firstUse(
  specifier: string,
  folder: string = cacheFolder(),
): string | null {
  if (!isRemote(specifier) || usedBefore(folder).includes(specifier)) {
    return null;
  }
  return `First use of the plugin ${specifier}: its code comes from ${
    hostOf(specifier)
  } and runs with all rights of this process`;
}

/** Remembers that a plugin was announced. Where nothing can be written, it is announced again. */
export function rememberUse(
  specifier: string,
  folder: string = cacheFolder(),
): void {
  try {
    Deno.mkdirSync(folder, { recursive: true });
    writeFileAtomic(
      listPath(folder),
      JSON.stringify([...usedBefore(folder), specifier]) + "\n",
    );
  } catch {
    // a cache that cannot be written forgets
  }
}

function listPath(folder: string): string {
  return join(folder, "remote_plugins.json");
}

function usedBefore(folder: string): string[] {
  try {
    const found: unknown = JSON.parse(
      Deno.readTextFileSync(listPath(folder)),
    );
    return Array.isArray(found)
      ? found.filter((one) => typeof one === "string")
      : [];
  } catch {
    return []; // nothing was used yet, or the list is damaged
  }
}
