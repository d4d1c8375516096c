/**
 * The disk that holds the Hub's cache: whether there is room, and what its errors mean.
 * @module
 */
// not by name: an older Deno, which must still say that it is too old, has no statfs
import fs from "node:fs/promises";
import {
  ConfigError,
  DeviceError,
  isDenotuneError,
} from "../../contracts/errors.ts";
import { permissionError } from "../../permissions.ts";
import type { HubAccess } from "./access.ts";

/** Throws `DeviceError` where the disk has not `needed` bytes and a little to spare. */
export async function checkSpace(
  needed: number,
  what: string,
  access: HubAccess,
): Promise<void> {
  if (needed === 0) return;
  await Deno.mkdir(access.cacheDir, { recursive: true }).catch((error) => {
    throw hubCacheProblem(error, access);
  });
  let free: number;
  try {
    const disk = await fs.statfs(access.cacheDir);
    free = disk.bavail * disk.bsize;
  } catch {
    return; // a file system that does not say: the download itself will tell
  }
  if (free < needed) {
    throw new DeviceError(
      `Cannot download ${what}: it needs ${
        gigabytes(needed)
      }, the disk of ${access.cacheDir} has ${
        gigabytes(free)
      } left; free space, or set HF_HOME to a folder on another disk`,
    );
  }
}

/** Errors of the file system become ours. */
export function hubCacheProblem(error: unknown, access: HubAccess): unknown {
  if (isDenotuneError(error) || !(error instanceof Error)) return error;
  const code = "code" in error ? error.code : undefined;
  const what = `write to the Hub's cache ${access.cacheDir}`;
  const where = `Cannot ${what}`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new DeviceError(
      `${where}: the disk is full; free space, or set HF_HOME to a folder on another disk`,
      { cause: error },
    );
  }
  const forbidden = permissionError(what, error);
  if (forbidden !== null) return forbidden;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new ConfigError(
      `${where}: ${error.message}; set HF_HOME to a folder that can be written`,
      { cause: error },
    );
  }
  return error;
}

function gigabytes(bytes: number): string {
  return bytes < 10 ** 8
    ? `${Math.ceil(bytes / 10 ** 5) / 10} MB`
    : `${(bytes / 10 ** 9).toFixed(1)} GB`;
}
