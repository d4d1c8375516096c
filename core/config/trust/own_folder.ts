/**
 * Whether a module is in the folder of the run file that names it: the two come from one hand.
 * @module
 */
import { isAbsolute, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleUrl } from "../../own_module.ts";
import { environmentVariable, isGranted } from "../../permissions.ts";

/** Whether a file is within a folder, links followed: `..`, and a link that leads out, are not. */
export function isWithin(file: string, folder: string): boolean {
  const inner = relative(realPath(folder), realPath(file));
  return inner !== "" && !/^\.\.(?:[/\\]|$)/.test(inner) && !isAbsolute(inner);
}

/**
 * Whether everything below a folder can be said to belong to one project. The root of a disk, the home folder and
 * what is above it hold what anybody has downloaded.
 */
export function isProjectFolder(
  folder: string,
  home: string | undefined = environmentVariable("HOME") ??
    environmentVariable("USERPROFILE"),
): boolean {
  const real = realPath(folder);
  if (relative(real, parentOf(real)) === "") return false;
  if (home === undefined || home === "") return true;
  const inner = relative(real, realPath(home));
  return /^\.\.(?:[/\\]|$)/.test(inner) || isAbsolute(inner);
}

/** The checkout that this program runs from; null where it was fetched, or is one file. */
export function programFolder(): string | null {
  const root = new URL("../../../", import.meta.url);
  if (root.protocol !== "file:" || bundleUrl() !== null) return null;
  const folder = fileURLToPath(root);
  return /[/\\]node_modules[/\\]/.test(folder) || !isProjectFolder(folder)
    ? null
    : folder;
}

function parentOf(path: string): string {
  return realPath(`${path}/..`);
}

function realPath(path: string): string {
  if (!isGranted({ name: "read", path })) return path; // Deno would ask the user
  try {
    return Deno.realPathSync(path);
  } catch {
    return path; // it is not there
  }
}
