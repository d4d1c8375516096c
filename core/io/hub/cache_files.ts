/**
 * Writes the Hub's cache as its own tools lay it out.
 *
 * ```text
 * models--owner--name/blobs/<checksum>               each file once
 * models--owner--name/snapshots/<commit>/config.json -> ../../blobs/<checksum>
 * models--owner--name/refs/main                      a commit
 * .locks/models--owner--name/<checksum>.lock         held while that file is downloaded
 * ```
 * @module
 */
import { dirname, join, relative } from "node:path";
import { DataError } from "../../contracts/errors.ts";
import { isAbsence } from "./hub_cache.ts";

/** Why a path of a repository must not be written to this disk, or null. */
export function whyUnsafe(path: string): string | null {
  const steps = path.split("/");
  if (path.includes("\0")) return "has a zero byte";
  if (steps.some((step) => step === "" || step === "." || step === "..")) {
    return "leads out of its folder";
  }
  if (path.includes("\\")) return "has a backslash";
  if (Deno.build.os === "windows" && /[<>:"|?*]|[. ](\/|$)/.test(path)) {
    return "is no file name on Windows";
  }
  return null;
}

/** Size of a file in bytes, links followed; null where there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  try {
    const info = await Deno.stat(path);
    return info.isFile ? info.size : null;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/** Makes `path` a link to `blob`: a relative link, or a copy where links cannot be made. Complete or absent. */
export async function linkBlob(blob: string, path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    try {
      await Deno.symlink(relative(dirname(path), blob), temporary, {
        type: "file",
      });
    } catch {
      await Deno.copyFile(blob, temporary);
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Stores the commit of a branch or tag. Complete or absent. */
export async function writeRef(
  folder: string,
  revision: string,
  commit: string,
): Promise<void> {
  const unsafe = whyUnsafe(revision);
  if (unsafe !== null) {
    throw new DataError(
      `The revision ${JSON.stringify(revision)} ${unsafe}`,
    );
  }
  await Deno.mkdir(join(folder, "snapshots", commit), { recursive: true });
  await writeWhole(join(folder, "refs", revision), commit);
}

/** Writes a small file under a temporary name of its own, then renames it. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
