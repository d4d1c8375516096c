/**
 * Files and folders that are complete or absent: written beside under a temporary name, synced, renamed.
 *
 * ```text
 * outputs/run/.model.tmp-4711/     being written by process 4711
 * outputs/run/model/               complete
 * outputs/run/.model.old-4711/     the one it replaced: gone a moment later, or restored by `recover`
 * ```
 * @module
 */
import { basename, dirname, join } from "node:path";
import { ConfigError, DeviceError } from "../contracts/errors.ts";
import { permissionError } from "../permissions.ts";

/** Temporary path beside `path`, on the same file system, named after this process. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp-${Deno.pid}`);
}

/** Writes a file so that it is complete or absent, whenever the process dies. */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  const temporary = temporaryBeside(path);
  asUserError(`write ${path}`, () => {
    try {
      {
        using file = Deno.openSync(temporary, {
          write: true,
          create: true,
          truncate: true,
        });
        writeAll(
          file,
          typeof data === "string" ? new TextEncoder().encode(data) : data,
        );
        file.syncSync();
      }
      Deno.renameSync(temporary, path);
    } catch (error) {
      try {
        Deno.removeSync(temporary);
      } catch {
        // the first error says more
      }
      throw error;
    }
    syncFolder(dirname(path));
  });
}

/** Makes the empty folder in which `final` is prepared; {@linkcode commitFolder} puts it in its place. */
export function beginFolder(final: string): string {
  const temporary = temporaryBeside(final);
  asUserError(`create ${final}`, () => {
    removeQuietly(temporary);
    Deno.mkdirSync(temporary, { recursive: true });
  });
  return temporary;
}

/**
 * Puts a prepared folder in place of `final`, after everything in it has reached the disk. What was
 * there is kept aside until the new one is in place: {@linkcode recover} restores it if the process dies in
 * between.
 */
export function commitFolder(temporary: string, final: string): void {
  asUserError(`write ${final}`, () => {
    syncTree(temporary);
    const parent = dirname(final);
    const old = join(parent, `.${basename(final)}.old-${Deno.pid}`);
    const replaces = exists(final);
    if (replaces) {
      removeQuietly(old);
      Deno.renameSync(final, old);
    }
    Deno.renameSync(temporary, final);
    syncFolder(parent);
    if (replaces) Deno.removeSync(old, { recursive: true });
  });
}

/**
 * Cleans up after killed runs: removes temporary files and folders in `parent`, and puts back a folder
 * that was moved aside when its successor never came. With `name`, only what belongs to that name. Call
 * it only where no other run writes. Returns the paths it dealt with.
 */
export function recover(parent: string, name?: string): string[] {
  if (!exists(parent)) return [];
  return asUserError(`clean up ${parent}`, () => {
    const found: string[] = [];
    for (const entry of Deno.readDirSync(parent)) {
      const match = /^\.(.+)\.(tmp|old)-\d+$/.exec(entry.name);
      if (match === null || (name !== undefined && match[1] !== name)) continue;
      const path = join(parent, entry.name);
      const final = join(parent, match[1]);
      if (match[2] === "old" && !exists(final)) Deno.renameSync(path, final);
      else Deno.removeSync(path, { recursive: true });
      found.push(path);
    }
    return found;
  });
}

/**
 * Runs `body`; errors of the file system become ours: a full disk or a broken one a `DeviceError`, a path
 * that cannot be written a `ConfigError`, each saying what to change. `what`: "write outputs/model".
 */
export function asUserError<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw userError(what, error);
  }
}

/** The error of a disk that is full or broken; null for every other error. */
export function diskFault(what: string, error: unknown): DeviceError | null {
  if (!(error instanceof Error)) return null;
  const code = "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new DeviceError(
      `Cannot ${what}: ${
        code === "ENOSPC"
          ? "the disk is full"
          : code === "EDQUOT"
          ? "the disk quota is used up"
          : "the file grew beyond what the file system allows"
      }; free space or set another \`output_dir\``,
      { cause: error },
    );
  }
  if (code === "EIO") {
    return new DeviceError(
      `Cannot ${what}: the disk reports an error (${error.message})`,
      { cause: error },
    );
  }
  return null;
}

/** {@linkcode asUserError} as a function of the error. */
export function userError(what: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const fault = diskFault(what, error);
  if (fault !== null) return fault;
  const code = "code" in error ? error.code : undefined;
  const forbidden = permissionError(what, error);
  if (forbidden !== null) return forbidden;
  const denied = code === "EACCES" || code === "EPERM" || code === "EROFS" ||
    code === "ENOTDIR" || code === "ENOENT" || code === "ENAMETOOLONG" ||
    code === "EEXIST" || code === "EISDIR" || code === "ELOOP" ||
    error.message.includes("NUL byte");
  if (denied) {
    return new ConfigError(
      `Cannot ${what}: ${error.message}; choose a path that can be written (\`output_dir\`), or change its permissions`,
      { cause: error },
    );
  }
  return error;
}

/** Writes every byte: `writeSync` may write fewer than it was given. */
export function writeAll(file: Deno.FsFile, data: Uint8Array): void {
  for (let at = 0; at < data.length;) {
    // one call moves at most 2 GiB on Linux
    at += file.writeSync(data.subarray(at, at + (1 << 30)));
  }
}

/** Syncs a folder, so that a rename in it survives a power cut. Where folders cannot be opened, nothing. */
export function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  using folder = Deno.openSync(path, { read: true });
  folder.syncSync();
}

function syncTree(path: string): void {
  for (const entry of Deno.readDirSync(path)) {
    const child = join(path, entry.name);
    if (entry.isDirectory) syncTree(child);
    else if (entry.isFile) {
      using file = Deno.openSync(child, {
        read: true,
        write: Deno.build.os === "windows",
      });
      file.syncSync();
    }
  }
  syncFolder(path);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Moves the files of a prepared folder into an existing one, after everything in them has reached the disk;
 * files of the same names are replaced. The prepared folder is removed.
 */
export function moveInto(temporary: string, folder: string): void {
  asUserError(`write ${folder}`, () => {
    syncTree(temporary);
    for (const entry of Deno.readDirSync(temporary)) {
      Deno.renameSync(join(temporary, entry.name), join(folder, entry.name));
    }
    syncFolder(folder);
    Deno.removeSync(temporary, { recursive: true });
  });
}
