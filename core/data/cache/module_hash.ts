/**
 * What code a prepared set was made by: the content of the modules behind its parts.
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { BUILT_IN, type Registry } from "../../contracts/registry.ts";
import { bundleUrl, ownModule } from "../../own_module.ts";
import { VERSION } from "../../version.ts";

/** Import and export specifiers, literal ones of `import()` and of `new URL(..., import.meta.url)` too. */
const SPECIFIER =
  /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew\s+URL\s*\(\s*)["'](\.{1,2}\/[^"'\n]+|file:[^"'\n]+)["']/g;

/**
 * A hash of denotune's own code and of every plugin of the registry; null where a plugin's code cannot be known.
 * `more`: modules of denotune beside those that prepare data.
 */
export async function codeHash(
  registry: Registry,
  more: readonly URL[] = [],
): Promise<string | null> {
  const hash = createHash("sha256").update(`denotune ${VERSION}\n`);
  // a released version is fixed; a checkout changes while its version stays, and a bundle may be of either
  const bundle = bundleUrl();
  if (bundle !== null) {
    if (!await hashModules([bundle], hash)) return null;
  } else if (import.meta.url.startsWith("file:")) {
    const own = new URL("../prepared/prepare_rows.ts", import.meta.url);
    const entries = [own, ...more].map((url) => ownModule(url).href);
    if (!await hashModules(entries, hash)) return null;
    for (const name of ["../../../deno.json", "../../../deno.lock"]) {
      await hashFile(new URL(name, import.meta.url).href, hash);
    }
  }
  for (const { plugin, module, url, identity } of registry.plugins()) {
    if (module === BUILT_IN) {
      // in a bundle, or fetched with its version, it is hashed above
      const isCode = bundle === null && url !== null &&
        url.startsWith("file:");
      if (isCode && !await hashModules([url], hash)) return null;
      continue;
    }
    if (identity === null || identity.hash === null) return null;
    hash.update(`${plugin.name} ${identity.hash}\n`);
  }
  return hash.digest("hex");
}

/** Hashes modules and all that they import by relative path; false where the first cannot be read. */
async function hashModules(
  entries: readonly string[],
  hash: Hash,
): Promise<boolean> {
  const seen = new Set(entries);
  let readAny = false;
  let wave = [...entries];
  while (wave.length > 0) {
    const texts = await Promise.all(wave.map(readText));
    const next: string[] = [];
    for (const [i, text] of texts.entries()) {
      if (text === null) continue;
      readAny = true;
      // not where it is: the same code may be in another folder on another machine
      hash.update(`${text.length}\n`).update(text);
      for (const [, specifier] of text.matchAll(SPECIFIER)) {
        if (!URL.canParse(specifier, wave[i])) continue;
        const url = new URL(specifier, wave[i]).href;
        if (!url.startsWith("file:") || seen.has(url)) continue;
        seen.add(url);
        next.push(url);
      }
    }
    wave = next;
  }
  return readAny;
}

async function hashFile(url: string, hash: Hash): Promise<void> {
  const text = await readText(url);
  if (text !== null) hash.update(text);
}

async function readText(url: string): Promise<string | null> {
  try {
    return await readFile(fileURLToPath(url), "utf8");
  } catch {
    return null; // not a file: what the pattern found was no import
  }
}
