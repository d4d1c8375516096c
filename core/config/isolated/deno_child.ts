/**
 * A Deno process without permissions that has imported one plugin: nothing of the plugin runs in this process, and
 * nothing that it does there (exit, eat memory, spin, patch a prototype) reaches this one.
 *
 * ```text
 * deno run --no-prompt --cached-only --v8-flags=--max-old-space-size=256 data:…  import plugin from "file:///mine.ts"
 *                                                                                import { serve } from ".../child.ts"
 * ```
 *
 * The program is a `data:` module that imports the plugin statically: static imports need no permission to read, so
 * none is given, and a module outside the cache is not fetched.
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PluginError } from "../../contracts/errors.ts";
import { bundleUrl } from "../../own_module.ts";

/** What a process is started with. */
export interface ChildOptions {
  /** URL of the plugin's module. */
  readonly url: string;
  /** URL of the module that serves the plugin; it exports `serve(plugin, ...args)`. */
  readonly served: string;
  /** What `serve` gets after the plugin, as JSON. */
  readonly args?: readonly unknown[];
  /** Most memory of JavaScript's heap, MB. */
  readonly heapMB: number;
  /** Granted permissions, as flags: `--allow-read=/data`. */
  readonly flags?: readonly string[];
}

/**
 * Young objects in one space of 16 MB from the start, which one thread collects: what a message holds dies with its
 * answer, and threads that are woken for so little take more than they give.
 */
const GC_FLAGS = "--single-threaded-gc,--min-semi-space-size=16";

/** The command that starts the process; its three streams are pipes. Throws `PluginError` where none can be started. */
export function denoChild(options: ChildOptions): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: childArgs(options),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

/** The arguments of the Deno that is started. Throws `PluginError` where none can be started. */
export function childArgs(options: ChildOptions): string[] {
  const { url, served, args = [], heapMB, flags = [] } = options;
  if (Deno.build.standalone || bundleUrl() !== null) {
    throw new PluginError(
      "An isolated plugin runs in a Deno process of its own, which a compiled or bundled program cannot start: run denotune with `deno run`, or trust the plugin",
    );
  }
  // what serves is imported first: it keeps what it needs before the plugin can patch it
  const program = `import { serve } from ${JSON.stringify(served)};
import plugin from ${JSON.stringify(url)};
await serve(plugin${args.map((arg) => `, ${JSON.stringify(arg)}`).join("")});`;
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--cached-only",
    "--no-check",
    `--v8-flags=--max-old-space-size=${heapMB},${GC_FLAGS}`,
    ...configArgs(),
    ...flags,
    `data:application/typescript;charset=utf-8,${encodeURIComponent(program)}`,
  ];
}

/** The configuration of the program that runs: bare names of packages mean there what they mean here. */
export function configArgs(): string[] {
  for (const start of [mainModule(), Deno.cwd, import.meta.url]) {
    const found = configAbove(start);
    if (found !== null) return ["--config", found];
  }
  return [];
}

function configAbove(start: string | (() => string) | null): string | null {
  let folder: string;
  try {
    if (start === null) return null;
    if (typeof start === "string" && !start.startsWith("file:")) return null;
    folder = typeof start === "string"
      ? dirname(fileURLToPath(start))
      : start();
  } catch {
    return null; // it may not be asked for
  }
  while (true) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
    const above = dirname(folder);
    if (above === folder) return null;
    folder = above;
  }
}

function mainModule(): string | null {
  try {
    return Deno.mainModule;
  } catch {
    return null; // it may not be asked for
  }
}
