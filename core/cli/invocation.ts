/**
 * How this program was started, so that the commands it suggests can be copied.
 * @module
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** What is in front of the command's name: `deno run -A mod.ts`, or how else the user came here. */
export function invocation(
  main: string = Deno.mainModule,
  execPath: string = Deno.execPath(),
  cwd: string = Deno.cwd(),
): string {
  const deno = /[\\/]_npx[\\/]/.test(execPath)
    ? "npx --yes deno@2.9.6"
    : "deno";
  if (!main.startsWith("file:")) return `${deno} run -A ${main}`;
  const path = fileURLToPath(main);
  const inner = relative(cwd, path);
  return `${deno} run -A ${
    quoted(inner === "" || inner.startsWith("..") ? path : inner)
  }`;
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./:@=,+-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}
