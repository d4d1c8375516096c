/**
 * Files of the project, for tests that look at all of them.
 * @module
 */
import { fileURLToPath } from "node:url";

/** The path of a file URL. */
export function fromFileUrl(url: URL): string {
  return fileURLToPath(url);
}

/** URLs of all TypeScript files of a folder and those in it, sorted. */
export function walk(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const url = new URL(
      entry.isDirectory ? `${entry.name}/` : entry.name,
      folder,
    );
    if (entry.isDirectory) return walk(url);
    return entry.name.endsWith(".ts") ? [url.href] : [];
  }).sort();
}
