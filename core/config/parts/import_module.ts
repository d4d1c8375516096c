/**
 * The one door through which modules named by the user are loaded: plugins, and run files in TypeScript.
 * @module
 */

/** Imports a module by a specifier that is known at run time only. Throws what the module throws. */
export async function importModule(
  specifier: string,
): Promise<{ readonly default?: unknown }> {
  return await import(specifier);
}
