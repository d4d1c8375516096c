/**
 * How this program was started, so that the commands it suggests can be copied.
 * @module
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentVariable } from "../permissions.ts";

/** What `invocation` looks at. */
export interface Started {
  /** URL of the main module. */
  readonly main: string;
  /** Whether npx started Deno. */
  readonly npx: boolean;
  /** The working directory. */
  readonly cwd: string;
}

/** What is in front of the command's name: `deno run -A mod.ts`, or how else the user came here. */
export function invocation(started: Started = thisProcess()): string {
  const { main, npx, cwd } = started;
  const deno = npx ? "npx --yes deno@2.9.6" : "deno";
  if (!main.startsWith("file:")) return `${deno} run -A ${main}`;
  const path = fileURLToPath(main);
  const inner = relative(cwd, path);
  const shown = inner === "" || inner.startsWith("..") ? path : inner;
  return `${deno} run -A ${quoted(shown)}`;
}

function thisProcess(): Started {
  return {
    main: Deno.mainModule,
    npx: environmentVariable("npm_command") === "exec", // set by npx
    cwd: Deno.cwd(),
  };
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./:@=,+-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}
