/**
 * Unpacks gzip and zstd to a file of the cache, so that rows can be fetched by offset.
 * @module
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import {
  DataError,
  DeviceError,
  isDenotuneError,
} from "@denotune/denotune/core";
import { type ZstdFrame, zstdFrames, ZstdProblem } from "./_zstd_frames.ts";

/** How a file is packed. */
export type Packing = "gzip" | "zstd";

/** What is unpacked, and to where. */
export interface UnpackRequest {
  readonly path: string;
  readonly packing: Packing;
  readonly cacheDir: string;
  /** Unpacked size over packed size, from 16 MB on. */
  readonly maxExpansion: number;
  readonly signal?: AbortSignal;
}

const LOOK_FROM = 16 * 2 ** 20;

/**
 * Path of the unpacked file. A file that was unpacked before, and has not changed since, is taken
 * from the cache. Throws `DataError` for a cut, broken or exploding archive.
 */
export async function unpack(request: UnpackRequest): Promise<string> {
  const { path, packing, cacheDir, maxExpansion } = request;
  const info = await stat(path);
  const key = createHash("sha256").update(
    `${path}\0${info.size}\0${info.mtimeMs}`,
  ).digest("hex").slice(0, 16);
  const target = join(
    cacheDir,
    `unpacked-${key}-${basename(path).replace(/\.(gz|zst|zstd)$/i, "")}`,
  );
  if (await stat(target).then((s) => s.isFile(), () => false)) return target;

  let unpacked = 0;
  const limit = () =>
    new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        unpacked += chunk.length;
        if (unpacked > LOOK_FROM && unpacked > maxExpansion * info.size) {
          done(
            new DataError(
              `${path}: unpacks to more than ${maxExpansion} times its ${info.size} bytes; ` +
                `if it is meant to, raise max_expansion`,
            ),
          );
        } else done(null, chunk);
      },
    });
  const partial = `${target}.${crypto.randomUUID()}.partial`;
  try {
    await mkdir(cacheDir, { recursive: true });
    if (packing === "gzip") await gunzip(request, limit(), partial);
    else {
      for (const frame of await framesOf(path, info.size)) {
        const before = unpacked;
        await unzstd(request, frame, limit(), partial);
        const { contentSize } = frame;
        if (contentSize !== null && unpacked - before !== contentSize) {
          throw new ZstdProblem(
            `unpacks to ${
              unpacked - before
            } bytes where it says ${contentSize}`,
          );
        }
      }
    }
    await rename(partial, target);
  } catch (cause) {
    await rm(partial, { force: true });
    throw explain(cause, request);
  }
  return target;
}

async function gunzip(
  { path, signal }: UnpackRequest,
  limit: Transform,
  target: string,
): Promise<void> {
  await pipeline(
    createReadStream(path),
    createGunzip(),
    limit,
    createWriteStream(target),
    { signal },
  );
}

/** Appends one frame. */
async function unzstd(
  { path, signal }: UnpackRequest,
  { start, end }: ZstdFrame,
  limit: Transform,
  target: string,
): Promise<void> {
  await pipeline(
    createReadStream(path, { start, end: end - 1 }),
    createZstdDecompress(),
    limit,
    createWriteStream(target, { flags: "a" }),
    { signal },
  );
}

async function framesOf(path: string, size: number): Promise<ZstdFrame[]> {
  const file = await open(path);
  try {
    return await zstdFrames(file, size);
  } finally {
    await file.close();
  }
}

function explain(
  cause: unknown,
  { path, packing, cacheDir, signal }: UnpackRequest,
): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (isDenotuneError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause
    ? String(cause.code)
    : "";
  if (/^(ENOSPC|EACCES|EROFS|EDQUOT)$/.test(code)) {
    return new DeviceError(
      `Cannot unpack ${path} to ${cacheDir}: ${message}; free space or choose another folder`,
      {
        cause,
      },
    );
  }
  if (/unexpected end|ends too early/i.test(message)) {
    return new DataError(
      `${path}: the ${packing} file ends too early; it was cut off, fetch it again`,
      { cause },
    );
  }
  return new DataError(
    `${path}: the ${packing} file is broken (${message}); fetch it again`,
    { cause },
  );
}
