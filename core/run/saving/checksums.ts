/**
 * Content hashes of a checkpoint: written last, checked before a checkpoint is used. A bit that a disk has flipped
 * would train on unseen.
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DataError } from "../../contracts/errors.ts";
import { writeFileAtomic } from "../../io/atomic.ts";
import { readJsonObject, showJson } from "../../io/json_file.ts";

/** The file of the hashes. */
export const CHECKSUMS = "checksums.json";

/** Bytes that are read at a time. */
const CHUNK = 4 * 2 ** 20;

/** Writes the SHA-256 of every file of a folder. */
export function writeChecksums(folder: string): void {
  const names = filesOf(folder);
  writeFileAtomic(
    join(folder, CHECKSUMS),
    showJson(
      Object.fromEntries(
        names.map((name) => [name, hashOf(join(folder, name))]),
      ),
    ),
  );
}

/**
 * Checks the files of a folder against their hashes; a folder without hashes (of an older denotune) passes. Throws
 * `DataError` that names the file.
 */
export function verifyChecksums(folder: string): void {
  if (!filesOf(folder).includes(CHECKSUMS)) return;
  const expected = readJsonObject(join(folder, CHECKSUMS));
  for (const [name, hash] of Object.entries(expected ?? {})) {
    const path = join(folder, name);
    let found: string;
    try {
      found = hashOf(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new DataError(`${path} is missing; ${CHECKSUMS} lists it`, {
        cause: error,
      });
    }
    if (found !== hash) {
      throw new DataError(
        `${path} is damaged: its content is not what was written (SHA-256 ${
          String(hash).slice(0, 12)
        } then, ${found.slice(0, 12)} now)`,
      );
    }
  }
}

function filesOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].filter((entry) => entry.isFile)
    .map((entry) => entry.name).sort();
}

function hashOf(path: string): string {
  using file = Deno.openSync(path);
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK);
  for (let n = file.readSync(chunk); n !== null; n = file.readSync(chunk)) {
    hash.update(chunk.subarray(0, n));
  }
  return hash.digest("hex");
}
