/**
 * A hash over a module and what it imports: files, fetched modules as Deno's cache has them, and packages of npm.
 *
 * ```text
 * ./mine.ts ──► ./lib/a.ts          text
 *          ──► https://…/b.ts       text, as it is cached
 *          ──► jsr:@acme/c@1        resolved to its version, text
 *          ──► npm:d@^2             resolved to d@2.1.0: its modules that are imported, names and versions of what
 *                                   it depends on
 * ```
 *
 * Names within the hash do not depend on the folder that the plugin is in. Specifiers are found in the text: one
 * that is computed while the module runs is not seen. denotune's own modules are left out: a run records its
 * version. The graph must have been loaded before: Deno resolves `npm:` and `jsr:` when it loads.
 * @module
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundleUrl } from "../../own_module.ts";
import { importText, resolveModule } from "../parts/import_module.ts";

/** Literal specifiers of imports and exports, of `import()`, `require()` and `new URL(..., import.meta.url)`. */
const SPECIFIER =
  /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*|\bnew\s+URL\s*\(\s*)["']([^"'\n\\]+)["']/g;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;
/** Packages of denotune itself. */
const OWN_PACKAGE = /^(?:(?:npm|jsr):\/?)?@denotune\//;
const OWN_ROOT = new URL("../../../", import.meta.url).href;
const OWN_MODULE =
  /^(core|plugins|formats|backends|tests\/conformance)\/|^mod\.[jt]s$/;

/** A package of npm as Deno resolved it. */
interface Package {
  readonly name: string;
  readonly version: string;
  /** URL of its folder, with a slash at the end. */
  readonly folder: string;
  /** Names of the packages that it depends on. */
  readonly dependencies: readonly string[];
}

/** What is behind a specifier. */
export interface HashedGraph {
  /** `sha256-` and 64 hexadecimal digits; null where a module that is fetched could not be read again. */
  readonly hash: string | null;
  /** Version of the package, of npm or JSR; null for files and addresses. */
  readonly version: string | null;
  /** URLs of its modules, as Deno found them; of packages of npm only the plugin's own. */
  readonly modules: readonly string[];
}

/**
 * Hashes the graph of a loaded module. `url`: as it was imported. `onDisk`: files as they are now, not as this process
 * has loaded them. Throws where its own text cannot be read.
 */
export async function hashGraph(
  url: string,
  { onDisk = false }: { readonly onDisk?: boolean } = {},
): Promise<HashedGraph> {
  const graph = new Graph(onDisk);
  const version = await graph.add(url);
  return { version, hash: graph.hash(), modules: graph.modules() };
}

class Graph {
  /** Digest by name. */
  readonly #found = new Map<string, string>();
  readonly #seen = new Set<string>();
  readonly #onDisk: boolean;
  #root = "";
  #isWhole = true;

  constructor(onDisk: boolean) {
    this.#onDisk = onDisk;
  }

  hash(): string | null {
    if (!this.#isWhole) return null;
    const lines = [...this.#found].map(([name, text]) => `${name} ${text}\n`);
    return `sha256-${sha256(lines.sort().join(""))}`;
  }

  modules(): string[] {
    return [...this.#seen];
  }

  /** Adds the entry and all behind it; gives its version. */
  async add(url: string): Promise<string | null> {
    const resolved = await resolveLoaded(url);
    if (resolved === null) throw new Error(`${url} is not loaded`);
    this.#root = new URL(".", resolved).href;
    if (/^npm:/i.test(url)) {
      return (await this.#package(resolved, true))?.version ?? null;
    }
    await this.#module(resolved, true);
    return /^jsr:/i.test(url)
      ? /\/@[^/]+\/[^/]+\/([^/]+)\//.exec(new URL(resolved).pathname)?.[1] ??
        null
      : null;
  }

  async #module(named: string, isEntry = false): Promise<void> {
    const url = await resolveLoaded(named) ?? named; // an address may lead to another
    if (this.#seen.has(url) || isOwn(url)) return;
    this.#seen.add(url);
    const isFile = url.startsWith("file:");
    const text =
      await (isFile && this.#onDisk ? readFileText(url) : importText(url));
    if (text === null) {
      if (isEntry) throw new Error(`${url} cannot be read`);
      // of a file it was no import; a fetched module may be out of reach now
      if (!isFile) this.#isWhole = false;
      return;
    }
    this.#found.set(nameOf(url, this.#root), sha256(text));
    // comments of fetched modules would cost a request each
    const code = isFile ? text : text.replaceAll(COMMENT, "");
    for (const [, specifier] of code.matchAll(SPECIFIER)) {
      await this.#imported(specifier, url);
    }
  }

  async #imported(specifier: string, from: string): Promise<void> {
    if (OWN_PACKAGE.test(specifier) || specifier.startsWith("node:")) return;
    if (/^npm:/i.test(specifier)) {
      const resolved = await resolveLoaded(specifier);
      if (resolved !== null) await this.#package(resolved, false);
    } else if (/^jsr:/i.test(specifier)) {
      const resolved = await resolveLoaded(specifier);
      if (resolved !== null) await this.#module(resolved);
    } else if (/^(\.{1,2}\/|\/|https?:|file:)/.test(specifier)) {
      if (URL.canParse(specifier, from)) {
        await this.#module(withoutHash(new URL(specifier, from)));
      }
    } else {
      // a bare name: a file by the import map of the program, or a package that the program pins
      const resolved = await resolveLoaded(specifier);
      if (resolved?.startsWith("file:") && !resolved.includes("/npm/")) {
        await this.#module(resolved);
      }
    }
  }

  /** A package: with its modules where it is the plugin, else its name and version. */
  async #package(entry: string, isPlugin: boolean): Promise<Package | null> {
    const found = await packageOf(entry);
    if (found === null) {
      this.#isWhole = false;
      return null;
    }
    const name = `npm:${found.name}@${found.version}`;
    if (this.#found.has(name)) return found;
    this.#found.set(name, "");
    if (isPlugin) await this.#packageModule(entry, found);
    for (const dependency of found.dependencies) {
      if (OWN_PACKAGE.test(dependency)) continue;
      const manifest = manifestOf(dependency, entry);
      if (manifest !== null) await this.#package(manifest, false);
    }
    return found;
  }

  async #packageModule(url: string, of: Package): Promise<void> {
    if (this.#seen.has(url)) return;
    this.#seen.add(url);
    const text = await importText(url);
    if (text === null) return;
    const name = `npm:${of.name}@${of.version}/${nameOf(url, of.folder)}`;
    this.#found.set(name, sha256(text));
    for (const [, specifier] of text.matchAll(SPECIFIER)) {
      if (!/^\.{1,2}\//.test(specifier)) continue;
      // as `require` finds them, too
      for (const end of ["", ".js", ".cjs", ".json", "/index.js"]) {
        const inner = new URL(specifier + end, url).href;
        if (/\.\w+$/.test(inner)) await this.#packageModule(inner, of);
      }
    }
  }
}

function isOwn(url: string): boolean {
  return bundleUrl() === null && url.startsWith(OWN_ROOT) &&
    OWN_MODULE.test(url.slice(OWN_ROOT.length));
}

/** Where Deno found a module that is loaded; null where it is not. */
export async function resolveLoaded(
  specifier: string,
): Promise<string | null> {
  try {
    const found = await resolveModule(specifier);
    return /^(npm|jsr):/i.test(found) ? null : found;
  } catch {
    return null; // a bare name that nothing maps
  }
}

/** `lib/a.ts` for a module near the entry, the whole address for another host's. */
function nameOf(url: string, root: string): string {
  const [from, to] = [new URL(root), new URL(url)];
  return from.origin === to.origin && from.protocol === to.protocol
    ? posix.relative(from.pathname, to.pathname) + to.search
    : url;
}

function withoutHash(url: URL): string {
  url.hash = "";
  return url.href;
}

async function packageOf(entry: string): Promise<Package | null> {
  let folder = new URL(".", entry);
  for (let up = 0; up < 12 && folder.pathname !== "/"; up++) {
    const manifest = manifestFrom(
      await importText(new URL("package.json", folder).href),
    );
    // one inside of a package may only say `type`
    if (manifest !== null) return { ...manifest, folder: folder.href };
    folder = new URL("../", folder);
  }
  return null;
}

function manifestFrom(text: string | null): Omit<Package, "folder"> | null {
  let found: unknown;
  try {
    found = JSON.parse(text ?? "null");
  } catch {
    return null;
  }
  if (typeof found !== "object" || found === null) return null;
  const { name, version, dependencies } = found as Record<string, unknown>;
  if (typeof name !== "string" || typeof version !== "string") return null;
  return {
    name,
    version,
    dependencies: typeof dependencies === "object" && dependencies !== null
      ? Object.keys(dependencies).sort()
      : [],
  };
}

/** URL of the `package.json` of a package that another depends on; null where it is not installed. */
function manifestOf(name: string, from: string): string | null {
  try {
    const path = findPackageJSON(name, from);
    return path === undefined ? null : pathToFileURL(path).href;
  } catch {
    return null;
  }
}

async function readFileText(url: string): Promise<string | null> {
  try {
    const text = await readFile(fileURLToPath(url), "utf8");
    // as `importText` gives it
    return new URL(url).pathname.endsWith(".json")
      ? JSON.stringify(JSON.parse(text))
      : text;
  } catch {
    return null;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
