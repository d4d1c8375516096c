/**
 * Every import of the project, read off the module graph of `deno info --json`.
 * @module
 */
import { fromFileUrl, walk } from "../files.ts";

/** A module of the graph. */
export interface GraphModule {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
    /** Whether it is loaded when the code that asks for it runs. */
    readonly isDynamic?: boolean;
  }[];
}

/** What `deno info --json` prints, as far as it is read. */
export interface Graph {
  readonly redirects?: Readonly<Record<string, string>>;
  readonly modules: readonly GraphModule[];
  readonly npmPackages?: Readonly<
    Record<string, { readonly name: string; readonly version: string }>
  >;
}

/** The modules that are loaded at once with a file, itself included: what is imported when it is needed is not. */
export async function loadedWith(entry: string): Promise<Set<string>> {
  const { modules, redirects = {} } = await info(entry);
  const byName = new Map(modules.map((one) => [one.specifier, one]));
  const loaded = new Set<string>();
  const visit = (specifier: string): void => {
    const name = redirects[specifier] ?? specifier;
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { code, isDynamic } of byName.get(name)?.dependencies ?? []) {
      if (code?.specifier !== undefined && isDynamic !== true) {
        visit(code.specifier);
      }
    }
  };
  visit(new URL(entry, root).href);
  return loaded;
}

/** An import of one file by another. */
export interface Edge {
  /** Path from the root of the project. */
  readonly from: string;
  /** As it is written. */
  readonly written: string;
  /** Path from the root of the project, or the specifier of what is outside of it. */
  readonly to: string;
}

/** The root of the project. */
export const root: URL = new URL("../../", import.meta.url);

/** The module graph of a file. */
export async function info(entry: string): Promise<Graph> {
  const { stdout, success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "info",
      "--json",
      "--config",
      fromFileUrl(new URL("deno.json", root)),
      entry,
    ],
    cwd: fromFileUrl(root),
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Every import of every file below these folders, workers and files that nothing imports included. */
export async function importsOf(folders: readonly string[]): Promise<Edge[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  const files = folders.flatMap((name) => walk(new URL(`${name}/`, root)));
  const all = [...files, new URL("mod.ts", root).href];
  await Deno.writeTextFile(
    entry,
    all.map((url) => `import "${url}";\n`).join(""),
  );
  try {
    const { modules } = await info(entry);
    const inside = (url: string) =>
      url.startsWith(root.href) ? url.slice(root.href.length) : url;
    return modules.flatMap(({ specifier, dependencies = [] }) => {
      if (!specifier.startsWith(root.href)) return [];
      return dependencies.flatMap((dependency) => {
        const to = dependency.code?.specifier ?? dependency.type?.specifier;
        if (to === undefined) return [];
        return [{
          from: inside(specifier),
          written: dependency.specifier,
          to: inside(to),
        }];
      });
    });
  } finally {
    await Deno.remove(entry);
  }
}

/** The folders that hold what is published and run. */
export const SOURCES = ["core", "formats", "plugins", "backends"];

/** Whether an import stays in the project. */
export function isOurs(edge: Edge): boolean {
  return !edge.to.includes(":");
}
