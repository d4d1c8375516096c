/**
 * What to do about a plugin that imports a package by a name that nothing maps.
 * @module
 */

/** As Deno words it for the two places that it looks in: an import map, and the dependencies of a package. */
const UNMAPPED =
  /Import "([^"]+)" not a dependency|[Rr]elative import path "([^"]+)" not prefixed/;

/** The end of a message about a module that could not be loaded; empty where its imports are not the reason. */
export function importHint(message: string): string {
  const found = UNMAPPED.exec(message);
  if (found === null) return "";
  const name = found[1] ?? found[2];
  return `\nNothing here maps "${name}" to a package: the plugin can name it in full ("npm:${name}"), or start denotune as jsr:@denotune/denotune in the folder whose deno.json has it`;
}
