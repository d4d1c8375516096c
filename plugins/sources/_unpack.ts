/**
 * Unpacks gzip and zstd to a file of the cache, so that rows can be fetched by offset.
 * @module
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable, type Transform } from "node:stream";
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
const CHUNK = 2 ** 17;

/**
 * Path of the unpacked file. A file that was unpacked before, and has not changed since, is taken
 * from the cache. Throws `DataError` for a cut, broken or exploding archive.
 */
export async function unpack(request: UnpackRequest): Promise<string> {
  const { path, cacheDir } = request;
  const info = await stat(path);
  const key = createHash("sha256").update(
    `${path}\0${info.size}\0${info.mtimeMs}`,
  ).digest("hex").slice(0, 16);
  const target = join(
    cacheDir,
    `unpacked-${key}-${basename(path).replace(/\.(gz|zst|zstd)$/i, "")}`,
  );
  if (await stat(target).then((s) => s.isFile(), () => false)) return target;

  const partial = `${target}.${crypto.randomUUID()}.partial`;
  try {
    await mkdir(cacheDir, { recursive: true });
    await pipeline(
      Readable.from(unpackedBytes(request)),
      createWriteStream(partial),
    );
    await rename(partial, target);
  } catch (cause) {
    await rm(partial, { force: true });
    throw explainDisk(cause, request);
  }
  return target;
}

/** The bytes of a packed file, in order. Throws `DataError` for a cut, broken or exploding archive. */
export async function* unpackedBytes(
  request: Omit<UnpackRequest, "cacheDir">,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { path, packing, maxExpansion, signal } = request;
  const { size } = await stat(path);
  let unpacked = 0;
  const limited = async function* (stream: AsyncIterable<Uint8Array>) {
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      unpacked += chunk.length;
      if (unpacked > LOOK_FROM && unpacked > maxExpansion * size) {
        throw new DataError(
          `${path}: unpacks to more than ${maxExpansion} times its ${size} bytes; ` +
            `if it is meant to, raise max_expansion (an option of \`source\`)`,
        );
      }
      yield chunk;
    }
  };
  try {
    signal?.throwIfAborted();
    if (packing === "gzip") {
      yield* limited(
        decoded(createReadStream(path), createGunzip({ chunkSize: CHUNK })),
      );
      return;
    }
    for (const { start, end, contentSize } of await framesOf(path, size)) {
      const before = unpacked;
      yield* limited(decoded(
        createReadStream(path, { start, end: end - 1 }),
        createZstdDecompress({ chunkSize: CHUNK }),
      ));
      if (contentSize !== null && unpacked - before !== contentSize) {
        throw new ZstdProblem(
          `unpacks to ${unpacked - before} bytes where it says ${contentSize}`,
        );
      }
    }
  } catch (cause) {
    throw explain(cause, request);
  }
}

/** What a decoder makes of a stream; both are closed with the last chunk, or when nobody wants more. */
async function* decoded(
  input: Readable,
  decoder: Transform,
): AsyncGenerator<Uint8Array, void, undefined> {
  const done = pipeline(input, decoder);
  done.catch(() => {}); // the loop throws it
  try {
    for await (const chunk of decoder) yield chunk;
    await done;
  } finally {
    decoder.destroy();
    input.destroy();
  }
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
  { path, packing, signal }: Omit<UnpackRequest, "cacheDir">,
): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (isDenotuneError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
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

function explainDisk(
  cause: unknown,
  { path, cacheDir, signal }: UnpackRequest,
): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (isDenotuneError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DeviceError(
    `Cannot unpack ${path} to ${cacheDir}: ${message}; free space or choose another folder`,
    { cause },
  );
}
