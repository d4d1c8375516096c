/**
 * Rows of a file, fetched by offset and parsed when they are asked for.
 * @module
 */
import { createHash } from "node:crypto";
import {
  DataError,
  isDenotuneError,
  type RawRecord,
  type RecordStore,
  refusePipe,
  type SourceRequest,
} from "@denotune/denotune/core";
import { kindOfHead } from "./_encoding.ts";
import type { FileLimits } from "./_options.ts";
import { RowIndex } from "./_row_index.ts";
import type { Scanner, ScannerOptions } from "./scan/lines.ts";
import { decodeRow, parseRow, rowDecoder } from "./_row_text.ts";
import { parseJsonRow } from "./_strict_json.ts";
import { unpack } from "./_unpack.ts";

const READ_BYTES = 2 ** 20;
/** How many leading bytes are read to detect the kind of a file's content. */
export const HEAD_BYTES = 65536;

/** How a kind of file is opened. */
export interface FileKind {
  /** Chooses the scanner by the first bytes (after a byte order mark, up to 64 KiB). */
  scanner(options: ScannerOptions, head: Uint8Array): Scanner;
  /** Whether its rows are JSON, which is parsed when a row is asked for; others have the scanner's `parse`. */
  readonly isJson: boolean;
}

/** Opens a file: unpacks it where needed, finds its rows in one pass, hashes its content. */
export async function openFile(
  request: SourceRequest,
  { kind, limits }: { kind: FileKind; limits: FileLimits },
): Promise<RecordStore> {
  const { path, signal } = request;
  let readable = path;
  let file = await openPath(path, path);
  try {
    let head = await readHead(file);
    const packing = kindOfHead(head);
    if (packing === "gzip" || packing === "zstd") {
      file.close();
      readable = await unpack({
        path,
        packing,
        cacheDir: request.cacheDir,
        maxExpansion: limits.max_expansion,
        signal,
      });
      file = await openPath(readable, path);
      head = await readHead(file);
    }
    const start = checkHead(head, path);
    const index = new RowIndex();
    const scanner = kind.scanner({
      path,
      index,
      start,
      maxRowBytes: limits.max_row_mb * 2 ** 20,
      maxDepth: limits.max_depth,
    }, head.subarray(start));
    const fingerprint = await scan(file, { scanner, start, signal });
    if (index.length === 0) {
      throw new DataError(
        `${path}: there are no rows in it; leave the file out`,
      );
    }
    return new FileStore(file, {
      path,
      index,
      fingerprint,
      parse: scanner.parse === undefined
        ? (text) => parseJsonRow(text, limits.max_depth)
        : (text) => ({ value: scanner.parse?.(text) }),
    });
  } catch (error) {
    try {
      file.close();
    } catch {
      // already closed
    }
    throw error;
  }
}

/** Opens a file to be read. Errors name `path`. */
export async function openPath(
  readable: string,
  path: string,
): Promise<Deno.FsFile> {
  try {
    refusePipe(readable);
    const file = await Deno.open(readable, { read: true });
    if ((await file.stat()).isDirectory) {
      file.close();
      throw new DataError(`${path}: is a folder; name a file`);
    }
    return file;
  } catch (cause) {
    if (isDenotuneError(cause)) throw cause;
    if (cause instanceof Deno.errors.NotFound) {
      throw new DataError(`${path}: there is no such file`, { cause });
    }
    throw new DataError(
      `${path}: cannot be opened: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
}

async function readHead(file: Deno.FsFile): Promise<Uint8Array> {
  const head = new Uint8Array(HEAD_BYTES);
  let length = 0;
  for (;;) {
    const n = await file.read(head.subarray(length));
    if (n === null || n === 0) break;
    length += n;
  }
  await file.seek(0, Deno.SeekMode.Start);
  return head.subarray(0, length);
}

/** Bytes to skip before the text. Throws `DataError` for what is no text. */
export function checkHead(head: Uint8Array, path: string): number {
  const kind = kindOfHead(head);
  switch (kind) {
    case "empty":
      throw new DataError(`${path}: the file is empty`);
    case "utf-16le":
    case "utf-16be":
    case "utf-32": {
      const name = kind.toUpperCase();
      throw new DataError(
        `${path}: is ${name}, not UTF-8; convert it: iconv -f ${name} -t UTF-8 in > out`,
      );
    }
    case "gzip":
    case "zstd":
      throw new DataError(
        `${path}: is packed twice (${kindOfHead(head)} within); unpack it once`,
      );
    case "utf-8-bom":
      return 3;
    case "utf-8":
      return 0;
  }
}

async function scan(
  file: Deno.FsFile,
  { scanner, start, signal }: {
    scanner: Scanner;
    start: number;
    signal?: AbortSignal;
  },
): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(READ_BYTES);
  await file.seek(start, Deno.SeekMode.Start);
  for (;;) {
    signal?.throwIfAborted();
    const n = await file.read(buffer);
    if (n === null) break;
    const bytes = buffer.subarray(0, n);
    hash.update(bytes);
    scanner.push(bytes);
  }
  scanner.end();
  return hash.digest("hex");
}

interface FileStoreInit {
  readonly path: string;
  readonly index: RowIndex;
  readonly fingerprint: string;
  readonly parse: (text: string) => Omit<RawRecord, "where">;
}

class FileStore implements RecordStore {
  readonly fingerprint: string;
  readonly #file: Deno.FsFile;
  readonly #path: string;
  readonly #index: RowIndex;
  readonly #parse: FileStoreInit["parse"];
  readonly #decoder = rowDecoder();
  #buffer = new Uint8Array(4096);
  #open = true;

  constructor(file: Deno.FsFile, init: FileStoreInit) {
    this.#file = file;
    this.#path = init.path;
    this.#index = init.index;
    this.fingerprint = init.fingerprint;
    this.#parse = init.parse;
  }

  get length(): number {
    return this.#index.length;
  }

  at(index: number): RawRecord {
    if (!(index >= 0 && index < this.length)) {
      throw new RangeError(
        `Cannot read row ${index} of ${this.#path}: it has ${this.length} rows`,
      );
    }
    const bytes = this.#read(index);
    const place = { path: this.#path, line: this.#index.line(index) };
    const text = decodeRow(bytes, this.#decoder, place);
    return {
      ...parseRow(text, this.#parse, place),
      where: { ...place, index },
    };
  }

  #read(index: number): Uint8Array {
    const { start, byteLength } = this.#index.place(index);
    if (this.#buffer.length < byteLength) {
      this.#buffer = new Uint8Array(
        Math.max(byteLength, 2 * this.#buffer.length),
      );
    } else if (this.#buffer.length > 2 ** 22 && byteLength < 2 ** 20) {
      this.#buffer = new Uint8Array(2 ** 20); // one long row must not be paid for ever after
    }
    this.#file.seekSync(start, Deno.SeekMode.Start);
    const bytes = this.#buffer.subarray(0, byteLength);
    let done = 0;
    while (done < byteLength) {
      const n = this.#file.readSync(bytes.subarray(done));
      if (n === null) {
        throw new DataError(
          `${this.#path}:${
            this.#index.line(index)
          }: the file has become shorter since it was opened; start again`,
        );
      }
      done += n;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#open) this.#file.close();
    this.#open = false;
  }
}
