/**
 * Downloads one file of the Hub: resumes where it stopped, checks the result, complete or absent.
 *
 * ```text
 * blobs/<checksum>.incomplete    grows; survives a kill; the next download resumes from its length
 * blobs/<checksum>               renamed when length and checksum are right
 * ```
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hubCacheProblem } from "./disk.ts";
import { DataError } from "../../contracts/errors.ts";
import type { HubAccess } from "./access.ts";
import { Budget } from "./budget.ts";
import { sizeOf } from "./cache_files.ts";
import { Passing } from "./failures.ts";
import { askedOf, type RemoteFile, type Repository } from "./repository.ts";
import { type HubRequest, open, withRetries } from "./request.ts";

const TELL_EVERY_MS = 200;
const POLL_LOCK_MS = 100;

/** Path of a file's blob in the cache. */
export function blobPath(repository: Repository, file: RemoteFile): string {
  return join(repository.folder, "blobs", file.checksum);
}

/** What of a file has arrived in earlier tries, in bytes. */
export async function arrived(
  repository: Repository,
  file: RemoteFile,
): Promise<number> {
  return await sizeOf(`${blobPath(repository, file)}.incomplete`) ?? 0;
}

/**
 * Downloads a file to its blob, unless it is there. Waits while another process (also Python's
 * huggingface_hub, which takes the same lock) downloads it. Throws `DataError` for a wrong checksum or
 * length, `DeviceError` for a network that fails or a full disk.
 */
export async function downloadBlob(
  repository: Repository,
  file: RemoteFile,
  access: HubAccess,
): Promise<string> {
  const blob = blobPath(repository, file);
  try {
    await Deno.mkdir(dirname(blob), { recursive: true });
    await using _held = await lock(repository, file, access);
    if (await sizeOf(blob) !== file.size) {
      const partial = `${blob}.incomplete`;
      await fill(partial, { repository, file }, access);
      await Deno.rename(partial, blob);
    }
    return blob;
  } catch (error) {
    throw hubCacheProblem(error, access);
  }
}

async function lock(
  repository: Repository,
  file: RemoteFile,
  access: HubAccess,
): Promise<AsyncDisposable> {
  const name = repository.folder.slice(dirname(repository.folder).length + 1);
  const path = join(access.cacheDir, ".locks", name, `${file.checksum}.lock`);
  await Deno.mkdir(dirname(path), { recursive: true });
  const held = await Deno.open(path, { write: true, create: true });
  try {
    // polled, so that waiting can be aborted; the system releases the lock of a process that died
    while (!await held.tryLock(true)) {
      await sleep(POLL_LOCK_MS, undefined, { signal: access.signal });
    }
  } catch (error) {
    held.close();
    throw access.signal?.aborted ? access.signal.reason : error;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await held.unlock();
      held.close();
    },
  };
}

interface Wanted {
  readonly repository: Repository;
  readonly file: RemoteFile;
}

/** Makes the partial file whole, and checks it. */
async function fill(
  path: string,
  wanted: Wanted,
  access: HubAccess,
): Promise<void> {
  const { repository, file } = wanted;
  const name = `${repository.id}/${file.path}`;
  const budget = new Budget(`download ${name}`, access, file.size);
  for (let checks = 0;; checks++) {
    const digest = await receive(path, wanted, { access, budget });
    if (digest === file.checksum) return;
    await Deno.truncate(path, 0);
    budget.again();
    // what an earlier try left may have been damaged; a second whole file was not
    if (checks === 0) continue;
    throw new DataError(
      `${name}: what ${access.endpoint} sends has the checksum ${digest}, its list says ${file.checksum}; a proxy or mirror changes it, or the repository is damaged. It was thrown away`,
    );
  }
}

/** Receives what is missing of a file. Returns the checksum of the whole. */
async function receive(
  path: string,
  { repository, file }: Wanted,
  { access, budget }: { readonly access: HubAccess; readonly budget: Budget },
): Promise<string> {
  const name = `${repository.id}/${file.path}`;
  using out = await Deno.open(path, { read: true, write: true, create: true });
  let done = (await out.stat()).size;
  if (done > file.size) {
    await out.truncate(0);
    done = 0;
  }
  let hash = await hashOfStart(out, file, done);
  const tell = teller((bytes) =>
    access.onProgress({ file: name, done: bytes, total: file.size })
  );
  tell(done, true);
  budget.arrived(done, 0);
  const restart = async () => {
    await out.truncate(0);
    await out.seek(0, Deno.SeekMode.Start);
    done = 0;
    hash = newHash(file);
    budget.arrived(done, 0);
  };
  await withRetries(budget, access, async () => {
    if (done === file.size) return;
    const { response, alive, done: over } = await open(
      requestOf(repository, file, done, access),
      access,
      budget,
    );
    try {
      if (response.status === 416 || (done > 0 && response.status !== 206)) {
        await restart(); // the server does not go on: it sends all of it, or the next try asks for it
      }
      checkLength(response, file, done);
      if (response.status === 416 || response.body === null) {
        throw new Passing(`answered ${response.status} and no content`);
      }
      for await (const chunk of response.body) {
        if (done + chunk.length > file.size) {
          await restart();
          throw new Passing(
            `sent more than the ${file.size} bytes of its list`,
          );
        }
        await writeAll(out, chunk);
        hash.update(chunk);
        done += chunk.length;
        budget.arrived(done, chunk.length);
        budget.check();
        alive();
        tell(done, false);
      }
      if (done < file.size) {
        throw new Passing(`sent ${done} of ${file.size} bytes`);
      }
    } finally {
      over();
      await response.body?.cancel().catch(() => {});
    }
  });
  await out.sync();
  tell(done, true);
  return hash.digest("hex");
}

function requestOf(
  repository: Repository,
  file: RemoteFile,
  from: number,
  access: HubAccess,
): HubRequest {
  const asked = askedOf(
    { ...repository, revision: repository.commit },
    access,
    file.path,
  );
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  return {
    url: `${asked.page}/resolve/${repository.commit}/${path}`,
    asked,
    accept: [416],
    headers: {
      // a packed answer would have another length, and could not be gone on with
      "accept-encoding": "identity",
      ...(from === 0 ? {} : { range: `bytes=${from}-` }),
    },
  };
}

/** Refuses an answer about a file of another length before its bytes are taken. */
function checkLength(
  response: Response,
  file: RemoteFile,
  done: number,
): void {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(
    response.headers.get("content-range") ?? "",
  );
  if (response.status === 206) {
    if (range === null || Number(range[1]) !== done) {
      throw new Passing(
        `sent another part than was asked for (${
          response.headers.get("content-range") ?? "no content-range"
        }, not from ${done})`,
      );
    }
    if (range[3] !== "*" && Number(range[3]) !== file.size) {
      throw new Passing(
        `says the file has ${range[3]} bytes, its list says ${file.size}`,
      );
    }
    return;
  }
  const length = response.headers.get("content-length");
  if (
    response.ok && length !== null && Number(length) !== file.size &&
    !response.headers.has("content-encoding")
  ) {
    throw new Passing(
      `says the file has ${length} bytes, its list says ${file.size}`,
    );
  }
}

function newHash(file: RemoteFile): Hash {
  if (file.checksum.length === 64) return createHash("sha256");
  // git's name of a small file: a header with the length, then the content
  return createHash("sha1").update(`blob ${file.size}\0`);
}

async function hashOfStart(
  out: Deno.FsFile,
  file: RemoteFile,
  length: number,
): Promise<Hash> {
  const hash = newHash(file);
  const buffer = new Uint8Array(2 ** 20);
  await out.seek(0, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const n = await out.read(
      buffer.subarray(0, Math.min(buffer.length, length - at)),
    );
    if (n === null) {
      throw new DataError(
        `${file.path}: the part that is in the cache became shorter while it was read; is something else writing there?`,
      );
    }
    hash.update(buffer.subarray(0, n));
    at += n;
  }
  return hash;
}

async function writeAll(out: Deno.FsFile, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) at += await out.write(data.subarray(at));
}

/** Calls `tell` at most a few times a second, and whenever it must be known. */
function teller(
  tell: (bytes: number) => void,
): (bytes: number, now: boolean) => void {
  let last = -Infinity;
  return (bytes, now) => {
    const time = performance.now();
    if (!now && time - last < TELL_EVERY_MS) return;
    last = time;
    tell(bytes);
  };
}
