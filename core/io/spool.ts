/**
 * Keeps a stream as a file that is named by its content: the same bytes are the same file.
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { syncFolder, temporaryBeside, userError, writeAll } from "./atomic.ts";

/** Bytes from which the kind of the content is detected. */
const HEAD = 4096;

/** A stream on the disk. */
export interface Spooled {
  /** Absolute, where `folder` is: `<sha-256><ending>`. */
  readonly path: string;
  /** How much came. */
  readonly bytes: number;
}

/**
 * Writes a stream into a folder, complete or not at all. `endingOf` gives the file's ending by its first
 * bytes. Throws `DeviceError` for a full disk, `ConfigError` for a folder that cannot be written.
 */
export async function spool(
  input: ReadableStream<Uint8Array>,
  { folder, endingOf }: {
    readonly folder: string;
    readonly endingOf: (head: Uint8Array) => string;
  },
): Promise<Spooled> {
  const temporary = temporaryBeside(join(folder, "input"));
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const hash = createHash("sha256");
    const head = new Uint8Array(HEAD);
    let bytes = 0;
    {
      using file = await Deno.open(temporary, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      for await (const chunk of input) {
        if (bytes < HEAD) head.set(chunk.subarray(0, HEAD - bytes), bytes);
        hash.update(chunk);
        writeAll(file, chunk);
        bytes += chunk.length;
      }
      file.syncSync();
    }
    const ending = endingOf(head.subarray(0, Math.min(bytes, HEAD)));
    const path = join(folder, `${hash.digest("hex")}${ending}`);
    await Deno.rename(temporary, path);
    syncFolder(folder);
    return { path, bytes };
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw userError(`keep standard input in ${folder}`, error);
  }
}
