/**
 * The one door through which modules named by the user are loaded: plugins, and run files in TypeScript.
 * @module
 */

/** What a module gives: a run, or a plugin. */
interface Loaded {
  readonly default?: unknown;
}

/**
 * Imports a module by a specifier that is known at run time only. Throws what the module throws.
 *
 * ```text
 * denotune from JSR    may import jsr:, npm:, node:, data: and files, but no https: module
 *   └─ import("data:…")  a module without an address of its own may: one line that hands the plugin on
 *        └─ https://…      the same module, by its own URL, wherever else it is imported
 * ```
 */
export async function importModule(specifier: string): Promise<Loaded> {
  if (!/^https?:/i.test(specifier)) return await import(specifier);
  const line = `export * as loaded from ${JSON.stringify(specifier)};`;
  const bridge: { readonly loaded: Loaded } = await import(
    `data:text/javascript,${encodeURIComponent(line)}`
  );
  return bridge.loaded;
}
