/**
 * Plugins that are fetched (`npm:`, `jsr:`, `https:`): where from.
 * @module
 */
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
