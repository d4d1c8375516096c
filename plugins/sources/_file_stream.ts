/**
 * Rows of a file in order, read once: what is held is the row that is being read, and a piece of the file.
 * @module
 */
import {
  DataError,
  type RawRecord,
  type SourceRequest,
} from "@denotune/denotune/core";
import { kindOfHead } from "./_encoding.ts";
import {
  checkHead,
  type FileKind,
  HEAD_BYTES,
  openPath,
} from "./_file_store.ts";
import type { FileLimits } from "./_options.ts";
import { decodeRow, parseRow, rowDecoder } from "./_row_text.ts";
import type { RowSink, Scanner } from "./scan/lines.ts";
import { unpackedBytes } from "./_unpack.ts";

const READ_BYTES = 2 ** 18;

/**
 * The rows of a file, packed or not. Where the kind's scanner has no `parse`, their values are texts of JSON.
 * Rows before a mistake are given before it is thrown.
 */
export async function* streamFile(
  { path, signal }: SourceRequest,
  { kind, limits }: { kind: FileKind; limits: FileLimits },
): AsyncGenerator<RawRecord[], void, undefined> {
  const maxRowBytes = limits.max_row_mb * 2 ** 20;
  let reader: RowReader | null = null;
  let head = new Uint8Array(0);
  const begin = (): RowReader => {
    const start = checkHead(head, path);
    const sink = new FoundRows();
    const scanner = kind.scanner({
      path,
      index: sink,
      start,
      maxRowBytes,
      maxDepth: limits.max_depth,
    }, head.subarray(start));
    return new RowReader({ path, scanner, sink, start, maxRowBytes });
  };
  for await (const bytes of bytesOf({ path, signal, limits })) {
    signal?.throwIfAborted();
    if (reader !== null) {
      yield* reader.push(bytes);
      continue;
    }
    head = joined(head, bytes); // the scanner is chosen by the first bytes
    if (head.length < HEAD_BYTES) continue;
    reader = begin();
    yield* reader.push(head.subarray(reader.start));
  }
  if (reader === null) {
    reader = begin();
    yield* reader.push(head.subarray(reader.start));
  }
  yield* reader.end();
}

/** The bytes of a file, unpacked where it is packed. */
async function* bytesOf(
  { path, signal, limits }: {
    readonly path: string;
    readonly signal?: AbortSignal;
    readonly limits: FileLimits;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  using file = await openPath(path, path);
  const magic = new Uint8Array(4);
  const n = await file.read(magic);
  const packing = kindOfHead(magic.subarray(0, n ?? 0));
  if (packing === "gzip" || packing === "zstd") {
    const maxExpansion = limits.max_expansion;
    yield* unpackedBytes({ path, packing, maxExpansion, signal });
    return;
  }
  await file.seek(0, Deno.SeekMode.Start);
  const buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const n = await file.read(buffer);
    if (n === null) return;
    yield buffer.subarray(0, n); // whoever takes it copies what it keeps
  }
}

/** Places of rows that the scanner has found and nobody has read yet. */
class FoundRows implements RowSink {
  places: { start: number; byteLength: number; line: number }[] = [];

  push(start: number, byteLength: number, line: number): void {
    this.places.push({ start, byteLength, line });
  }
}

interface RowReaderInit {
  readonly path: string;
  readonly scanner: Scanner;
  readonly sink: FoundRows;
  readonly start: number;
  readonly maxRowBytes: number;
}

/** Cuts bytes into rows. */
class RowReader {
  /** Bytes before the text. */
  readonly start: number;
  readonly #of: RowReaderInit;
  readonly #decoder = rowDecoder();
  #buffer = new Uint8Array(2 * READ_BYTES);
  /** The buffer holds the bytes `base` to before `base + used` of the file. */
  #base: number;
  #used = 0;
  #rows = 0;

  constructor(of: RowReaderInit) {
    this.#of = of;
    this.start = of.start;
    this.#base = of.start;
  }

  *push(bytes: Uint8Array): Generator<RawRecord[], void, undefined> {
    const { scanner, path, maxRowBytes } = this.#of;
    const kept = this.#used;
    this.#append(bytes);
    yield* this.#found(() => scanner.push(bytes));
    this.#drop(scanner.pending() - this.#base);
    if (kept > maxRowBytes && this.#used > kept) {
      throw new DataError(
        `${path}: a row has not ended after ${
          maxRowBytes / 2 ** 20
        } MB; raise max_row_mb (an option of \`source\`) if it is meant to be so long`,
      );
    }
  }

  *end(): Generator<RawRecord[], void, undefined> {
    const { scanner, path } = this.#of;
    yield* this.#found(() => scanner.end());
    if (this.#rows === 0) {
      throw new DataError(
        `${path}: there are no rows in it; leave the file out`,
      );
    }
  }

  *#found(scan: () => void): Generator<RawRecord[], void, undefined> {
    const { sink, path, scanner } = this.#of;
    let failure: { readonly error: unknown } | null = null;
    try {
      scan();
    } catch (error) {
      failure = { error };
    }
    const { places } = sink;
    sink.places = [];
    const rows: RawRecord[] = [];
    for (const { start, byteLength, line } of places) {
      const from = start - this.#base;
      try {
        const bytes = this.#buffer.subarray(from, from + byteLength);
        const text = decodeRow(bytes, this.#decoder, { path, line });
        const value = scanner.parse === undefined
          ? text
          : parseRow(text, (t) => scanner.parse?.(t), { path, line });
        rows.push({ value, where: { path, line, index: this.#rows } });
        this.#rows++;
      } catch (error) {
        failure = { error };
        break;
      }
    }
    if (rows.length > 0) yield rows;
    if (failure !== null) throw failure.error;
  }

  #append(bytes: Uint8Array): void {
    const used = this.#used + bytes.length;
    if (used > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(used, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used = used;
  }

  #drop(count: number): void {
    this.#buffer.copyWithin(0, count, this.#used);
    this.#used -= count;
    this.#base += count;
    if (this.#buffer.length > 2 ** 22 && this.#used < 2 ** 20) {
      // one long row must not be paid for ever after
      this.#buffer = this.#buffer.slice(0, 2 ** 21);
    }
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
