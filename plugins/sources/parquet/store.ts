/**
 * Rows of a Parquet file: row groups are decoded when a row of them is asked for, and the latest are kept.
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
import type { FileMetaData, SchemaTree } from "hyparquet";
import { pageCodecs } from "./codecs.ts";
import { decodeColumn, type Decoded, type Decoders } from "./column.ts";
import {
  checkColumnSize,
  checkGroupSize,
  type GroupPlace,
  groupsOf,
  type ParquetLimits,
  readFooter,
} from "./footer.ts";
import { withOldName } from "./kinds.ts";
import { parsersOf, plainValue } from "./values.ts";

/** How a Parquet file is opened. */
export interface ParquetFileOptions extends ParquetLimits {
  /** Columns that are read; null: all. */
  readonly columns: readonly string[] | null;
  /** Row groups kept decoded, in MB of their pages; one is always kept. */
  readonly cache_mb: number;
}

/** Opens a Parquet file: reads its footer and hashes its content. Throws `DataError`. */
export function openParquet(
  { path, signal }: SourceRequest,
  options: ParquetFileOptions,
): Promise<RecordStore> {
  return openStore(
    path,
    options,
    (file) => fingerprintOf(file, options.columns, signal),
  );
}

/** Rows that are given at a time. */
const STREAMED_ROWS = 256;

/** The rows of a Parquet file, one row group after the other. Throws `DataError`. */
export async function* streamParquet(
  { path, signal }: SourceRequest,
  options: ParquetFileOptions,
): AsyncGenerator<RawRecord[], void, undefined> {
  signal?.throwIfAborted();
  using store = await openStore(
    path,
    { ...options, cache_mb: 0 },
    () => Promise.resolve(""),
  );
  for (let from = 0; from < store.length; from += STREAMED_ROWS) {
    signal?.throwIfAborted();
    const count = Math.min(STREAMED_ROWS, store.length - from);
    yield Array.from({ length: count }, (_, i) => store.at(from + i));
  }
}

async function openStore(
  path: string,
  options: ParquetFileOptions,
  fingerprintOf: (file: Deno.FsFile) => Promise<string>,
): Promise<RecordStore> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const read = (start: number, end: number) => readAt(file, path, start, end);
    const footer = readFooter(path, size, read);
    const [hyparquet, column, convert, schema, assemble, codecs] = await Promise
      .all([
        import("hyparquet"),
        import("hyparquet/src/column.js"),
        import("hyparquet/src/convert.js"),
        import("hyparquet/src/schema.js"),
        import("hyparquet/src/assemble.js"),
        pageCodecs(),
      ]);
    const parsers = convert.DEFAULT_PARSERS;
    const { metadata, tree } = asBroken(path, "its footer", () => {
      const metadata = hyparquet.parquetMetadata(footer, { geoparquet: false });
      metadata.schema.forEach(withOldName);
      return { metadata, tree: hyparquet.parquetSchema(metadata) };
    });
    const groups = asBroken(path, "its footer", () =>
      groupsOf(metadata, tree, {
        path,
        size,
        columns: options.columns,
        limits: options,
      }));
    const rows = groups.reduce((sum, g) => sum + g.rows, 0);
    if (rows === 0) {
      throw new DataError(
        `${path}: there are no rows in it; leave the file out`,
      );
    }
    return new ParquetStore(file, {
      path,
      metadata,
      tree,
      groups,
      rows,
      fingerprint: await fingerprintOf(file),
      decoders: { column, convert, schema, codecs, parsers },
      assembleNested: assemble.assembleNested,
      cacheBytes: options.cache_mb * 2 ** 20,
      limits: options,
    });
  } catch (error) {
    file.close();
    throw error;
  }
}

interface StoreInit {
  readonly path: string;
  readonly metadata: FileMetaData;
  readonly tree: SchemaTree;
  readonly groups: readonly GroupPlace[];
  readonly rows: number;
  readonly fingerprint: string;
  readonly decoders: Decoders;
  readonly assembleNested:
    typeof import("hyparquet/src/assemble.js").assembleNested;
  readonly cacheBytes: number;
  readonly limits: ParquetLimits;
}

/** Values of each column, one a row. */
type Columns = ReadonlyMap<string, Decoded>;

/** A decoded row group, and the bytes that its pages unpacked to. */
interface Group {
  readonly columns: Columns;
  readonly bytes: number;
}

class ParquetStore implements RecordStore {
  readonly #file: Deno.FsFile;
  readonly #init: StoreInit;
  /** Decoded row groups by index, the latest used last. */
  readonly #cache = new Map<number, Group>();
  #cached = 0; // bytes of their pages
  #largest = 0; // bytes of the largest of them
  #open = true;

  constructor(file: Deno.FsFile, init: StoreInit) {
    this.#file = file;
    this.#init = init;
  }

  get length(): number {
    return this.#init.rows;
  }

  get fingerprint(): string {
    return this.#init.fingerprint;
  }

  at(index: number): RawRecord {
    const { path, groups, rows } = this.#init;
    if (!(index >= 0 && index < rows)) {
      throw new RangeError(
        `Cannot read row ${index} of ${path}: it has ${rows} rows`,
      );
    }
    const g = groupAt(groups, index);
    const columns = this.#columns(g);
    const at = index - groups[g].from;
    const value: Record<string, unknown> = {};
    for (const [name, values] of columns) {
      Object.defineProperty(value, name, {
        value: plainValue(values[at]),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return { value, where: { path, index } };
  }

  #columns(g: number): Columns {
    const { cacheBytes } = this.#init;
    let group = this.#cache.get(g);
    if (group !== undefined) {
      this.#cache.delete(g); // and to the end: the latest used
      this.#cache.set(g, group);
      return group.columns;
    }
    // the largest so far is what the next is taken for: a footer need not say how large it is
    for (const [old, { bytes }] of this.#cache) {
      if (this.#cached + this.#largest <= cacheBytes) break;
      this.#cache.delete(old);
      this.#cached -= bytes;
    }
    group = this.#decode(g);
    this.#cache.set(g, group);
    this.#cached += group.bytes;
    this.#largest = Math.max(this.#largest, group.bytes);
    return group.columns;
  }

  #decode(g: number): Group {
    const { path, groups, metadata, tree, decoders, assembleNested, limits } =
      this.#init;
    const group = groups[g];
    let bytes = 0;
    // empty row groups are not in `groups`
    const described = metadata.row_groups.filter((r) => r.num_rows > 0n)[g];
    const parts = new Map<string, Decoded>();
    for (const place of group.columns) {
      const name = place.path.join(".");
      asBroken(path, `row group ${g}, column ${name}`, () => {
        const meta = described.columns[place.index].meta_data;
        if (meta === undefined) throw new Error("has no description");
        const schemaPath = decoders.schema.getTreePath(tree, [...place.path]);
        const leaf = schemaPath[schemaPath.length - 1].element;
        const { packed } = place;
        let ofColumn = 0;
        const spend = (more: number): void => {
          ofColumn += more;
          bytes += more;
          checkColumnSize(ofColumn, { path, group: g, name, packed, limits });
          checkGroupSize(bytes, { path, group: g, limits });
        };
        parts.set(
          name,
          decodeColumn({
            meta,
            path: schemaPath,
            bytes: readAt(this.#file, path, place.start, place.end),
            rows: group.rows,
            spend,
          }, { ...decoders, parsers: parsersOf(leaf, decoders.parsers) }),
        );
      });
    }
    const columns = new Map<string, Decoded>();
    const read = new Set(group.columns.map((c) => c.path[0]));
    for (const child of tree.children) {
      const { name } = child.element;
      if (!read.has(name)) continue;
      asBroken(path, `row group ${g}, column ${name}`, () => {
        if (child.children.length > 0) {
          assembleNested(parts, child, decoders.parsers);
        }
        const values = parts.get(name);
        if (values === undefined || values.length !== group.rows) {
          throw new Error("cannot be put together");
        }
        columns.set(name, values);
      });
    }
    return { columns, bytes };
  }

  [Symbol.dispose](): void {
    if (this.#open) this.#file.close();
    this.#open = false;
    this.#cache.clear();
  }
}

/** Index of the row group that a row is in. */
function groupAt(groups: readonly GroupPlace[], row: number): number {
  let low = 0;
  let high = groups.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (groups[middle].from <= row) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

async function openFile(path: string): Promise<Deno.FsFile> {
  try {
    refusePipe(path);
    return await Deno.open(path);
  } catch (cause) {
    throw new DataError(
      cause instanceof Deno.errors.NotFound
        ? `${path}: there is no such file`
        : `${path}: cannot be opened: ${
          cause instanceof Error ? cause.message : cause
        }`,
      { cause },
    );
  }
}

function readAt(
  file: Deno.FsFile,
  path: string,
  start: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(end - start);
  file.seekSync(start, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) {
    const n = file.readSync(bytes.subarray(at));
    if (n === null) {
      throw new DataError(
        `${path}: the file has become shorter since it was opened; start again`,
      );
    }
    at += n;
  }
  return bytes;
}

async function fingerprintOf(
  file: Deno.FsFile,
  columns: readonly string[] | null,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(2 ** 20);
  await file.seek(0, Deno.SeekMode.Start);
  for (;;) {
    signal?.throwIfAborted();
    const n = await file.read(buffer);
    if (n === null) break;
    hash.update(buffer.subarray(0, n));
  }
  if (columns !== null) hash.update(JSON.stringify(columns));
  return hash.digest("hex");
}

/** Does `work`; whatever the decoder throws is reported as a broken file. */
function asBroken<T>(path: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (isDenotuneError(cause)) throw cause;
    // what the decoder trips over is no reason that helps anyone
    const isOfDecoder = cause instanceof TypeError ||
      cause instanceof RangeError || cause instanceof SyntaxError;
    throw new DataError(
      `${path}: ${what}: ${
        isOfDecoder
          ? "cannot be decoded"
          : cause instanceof Error
          ? cause.message
          : String(cause)
      }; the file is broken or of a kind that is not read, fetch it again`,
      { cause },
    );
  }
}
