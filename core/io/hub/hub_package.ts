/**
 * The Hub's own package, loaded only by runs that use the Hub.
 * @module
 */
import type { HubPackage } from "./hub_questions.ts";
import type {} from "./hub_cache.ts";

/**
 * Loads the package. The specifier is computed: with a literal one, the package would be fetched with
 * the module graph by every run.
 */
export async function hubPackage(): Promise<HubPackage> {
  const module = new URL("./_hub_package.ts", import.meta.url).href;
  const { hub }: { hub: HubPackage } = await import(module);
  return hub;
}
