/**
 * One process a run folder. The lock is the operating system's (`flock`), so that it ends with its owner, however
 * that dies; the file beside the folder only says who holds it.
 *
 * ```text
 * outputs/.capitals.lock   {"pid": 4711, "host": "box", "since": "2026-11-21T15:02:11.000Z"}
 * outputs/capitals/        the run
 * ```
 * @module
 */
import { basename, dirname, join } from "node:path";
import { ConfigError } from "../contracts/errors.ts";
import { asUserError } from "../io/atomic.ts";
import { readTextUpTo } from "../io/read_file.ts";
import { hostName } from "../permissions.ts";

/** What the lock's file says of its owner. */
export interface LockOwner {
  readonly pid: number;
  /** Its machine; empty where it might not know the name. */
  readonly host: string;
  readonly since: string;
}

/** The file that is locked while a process uses a run folder. */
export function lockPath(outputDir: string): string {
  return join(dirname(outputDir), `.${basename(outputDir)}.lock`);
}

/**
 * Takes a run folder for this process, until it is disposed of. Throws `ConfigError` that says who holds it, since
 * when, and what to do.
 */
export function lockRunFolder(outputDir: string): Disposable {
  const path = lockPath(outputDir);
  return asUserError(`write to output_dir ${outputDir}`, () => {
    Deno.mkdirSync(dirname(path), { recursive: true });
    while (true) {
      const file = Deno.openSync(path, {
        create: true,
        read: true,
        write: true,
      });
      try {
        if (!file.tryLockSync(true)) refuse(outputDir, path);
        // the owner before may have removed the file between our open and our lock
        if (isStill(file, path)) {
          write(file);
          return {
            [Symbol.dispose]() {
              removeQuietly(path); // while it is locked: whoever waits for the old file sees that it is gone
              file.close();
            },
          };
        }
      } catch (error) {
        file.close();
        throw error;
      }
      file.close();
    }
  });
}

function write(file: Deno.FsFile): void {
  const owner: LockOwner = {
    pid: Deno.pid,
    host: hostName() ?? "",
    since: new Date().toISOString(),
  };
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(JSON.stringify(owner)));
}

function refuse(outputDir: string, path: string): never {
  const owner = readOwner(path);
  const who = owner === null
    ? "another process"
    : `process ${owner.pid}${
      owner.host === "" ? "" : ` on ${owner.host}`
    }, since ${owner.since}`;
  const end = owner === null || !isHere(owner)
    ? "end it where it runs"
    : `end it (kill ${owner.pid}; it saves first)`;
  throw new ConfigError(
    `${outputDir} is in use by ${who}. Wait for it, ${end}, or choose another output_dir. Nobody there? Then delete ${path}`,
  );
}

/** Who holds a run folder, or held it when it was killed; null: nobody. */
export function readLockOwner(outputDir: string): LockOwner | null {
  return readOwner(lockPath(outputDir));
}

/** Whether the owner runs on this machine, as far as both may know its name. */
export function isHere({ host }: LockOwner): boolean {
  const own = hostName();
  return host === "" || own === null || host === own;
}

/** Bytes of the lock's file at most. */
const MOST_BYTES = 10_000;

function readOwner(path: string): LockOwner | null {
  try {
    const found: unknown = JSON.parse(readTextUpTo(path, MOST_BYTES));
    return isOwner(found) ? found : null;
  } catch {
    return null; // it is being written
  }
}

function isOwner(value: unknown): value is LockOwner {
  return typeof value === "object" && value !== null &&
    "pid" in value && typeof value.pid === "number" &&
    "host" in value && typeof value.host === "string" &&
    "since" in value && typeof value.since === "string";
}

function isStill(file: Deno.FsFile, path: string): boolean {
  try {
    const [held, found] = [file.statSync(), Deno.statSync(path)];
    return held.ino === found.ino && held.dev === found.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
