/**
 * The one door through which modules named by the user are loaded: plugins, and run files in TypeScript.
 * @module
 */

/** What a module gives: a run, or a plugin. */
interface Loaded {
  readonly default?: unknown;
}

/** What is fetched. A package may not name all of it: one of JSR no `https:`, one of npm only its dependencies. */
const FETCHED = /^(?:https?|jsr|npm):/i;

/**
 * Imports a module by a specifier that is known at run time only. Throws what the module throws.
 *
 * ```text
 * denotune, as a package   may not name every module
 *   └─ import("data:…")      a module without an address of its own may: one line that hands the plugin on
 *        └─ https://…          the same module, by its own URL, wherever else it is imported
 * ```
 */
export async function importModule(specifier: string): Promise<Loaded> {
  if (!FETCHED.test(specifier)) return await import(specifier);
  const line = `export * as loaded from ${JSON.stringify(specifier)};`;
  const bridge: { readonly loaded: Loaded } = await import(dataModule(line));
  return bridge.loaded;
}

/** The text of a module, as Deno's cache has it: nothing is run. Null where it cannot be had. */
export async function importText(url: string): Promise<string | null> {
  try {
    // Deno gives JSON as values alone
    const isJson = new URL(url).pathname.endsWith(".json");
    const type = isJson ? "json" : "text";
    const { default: found } = FETCHED.test(url)
      ? await importModule(dataModule(
        `export { default } from ${
          JSON.stringify(url)
        } with { type: "${type}" };`,
      ))
      : await import(url, { with: { type } });
    if (isJson) return JSON.stringify(found);
    return typeof found === "string" ? found : null;
  } catch {
    return null;
  }
}

/** The URL that a specifier leads to from here. Throws where Deno knows none. */
export async function resolveModule(specifier: string): Promise<string> {
  if (!FETCHED.test(specifier)) return import.meta.resolve(specifier);
  const bridge: { readonly resolve: (specifier: string) => string } =
    await import(
      dataModule(
        "export const resolve = (specifier) => import.meta.resolve(specifier);",
      )
    );
  return bridge.resolve(specifier);
}

/** The URL of a module that consists of its code alone. */
export function dataModule(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
