/**
 * Runs below a folder, those of sweeps too.
 * @module
 */
import { basename, join } from "node:path";
import { RESOLVED } from "./run_files.ts";
import { METRICS_FILE } from "./run_log.ts";

/** Folders between the one that is looked into and a run. */
const MOST_DEPTH = 3;
/** Folders that are looked into. */
const MOST_FOLDERS = 5000;

/** A run that was found. */
export interface FoundRun {
  /** Its path below the folder that was looked into, with `/`; the folder's own name where it is a run itself. */
  readonly name: string;
  /** Its folder. */
  readonly path: string;
}

/** The runs at `folder` and below, in no order. Folders that cannot be read hold none. */
export async function findRuns(folder: string): Promise<FoundRun[]> {
  if (await isRun(folder)) return [{ name: basename(folder), path: folder }];
  const found: FoundRun[] = [];
  let left = MOST_FOLDERS;
  const seen = new Set<string>(); // a link may lead back up
  const look = async (path: string, name: string, depth: number) => {
    const folders: string[] = [];
    try {
      const real = await Deno.realPath(path);
      if (seen.has(real)) return;
      seen.add(real);
      for await (const entry of Deno.readDir(path)) {
        if (entry.isFile || entry.name.startsWith(".")) continue;
        folders.push(entry.name);
      }
    } catch (error) {
      if (depth === 1 && error instanceof Deno.errors.NotCapable) throw error;
      return;
    }
    for (const own of folders) {
      if (left-- <= 0) return;
      const at = join(path, own);
      const named = name === "" ? own : `${name}/${own}`;
      if (await isRun(at)) found.push({ name: named, path: at });
      else if (depth < MOST_DEPTH) await look(at, named, depth + 1);
    }
  };
  await look(folder, "", 1);
  return found;
}

async function isRun(path: string): Promise<boolean> {
  for (const name of [METRICS_FILE, RESOLVED]) {
    try {
      if ((await Deno.stat(join(path, name))).isFile) return true;
    } catch {
      // not there, or not for us
    }
  }
  return false;
}
