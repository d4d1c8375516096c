/**
 * Decodes one column of a row group: pages are unpacked within bounds and looked at, then given to
 * hyparquet.
 * @module
 */
import type { ColumnMetaData, PageHeader, SchemaTree } from "hyparquet";
import type { UnpackPage } from "./codecs.ts";
import { checkRuns } from "./runs.ts";
import { plainKind } from "./kinds.ts";

/** What of hyparquet decodes columns. */
export interface Decoders {
  readonly column: typeof import("hyparquet/src/column.js");
  readonly convert: typeof import("hyparquet/src/convert.js");
  readonly schema: typeof import("hyparquet/src/schema.js");
  readonly codecs: ReadonlyMap<string, UnpackPage>;
  readonly parsers: ColumnDecoder["parsers"];
}

type ReadPage = typeof import("hyparquet/src/column.js").readPage;
type ColumnDecoder = Parameters<ReadPage>[2];
/** Values of a column, or lists of them; hyparquet's own type says no more. */
export type Decoded = NonNullable<ReturnType<ReadPage>["data"]>;

/** A column of a row group. */
export interface ColumnRequest {
  readonly meta: ColumnMetaData;
  /** Schema from the root to the column. */
  readonly path: SchemaTree[];
  /** The column's bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Rows of the group. */
  readonly rows: number;
  /** Called with the bytes that each page unpacks to, before it is unpacked; throws where they are too many. */
  readonly spend: (bytes: number) => void;
}

/**
 * The values of a column: one a row, nested lists as lists. Throws a plain `Error` for whatever the pages
 * claim that cannot be.
 */
export function decodeColumn(
  { meta, path, bytes, rows, spend }: ColumnRequest,
  decoders: Decoders,
): Decoded {
  const { parquetHeader, readPage } = decoders.column;
  const unpack = decoders.codecs.get(meta.codec);
  if (unpack === undefined) {
    throw new Error(`is packed with ${meta.codec}, which is not read`);
  }
  const kind = plainKind(path[path.length - 1].element);
  const decoder: ColumnDecoder = {
    pathInSchema: meta.path_in_schema,
    type: meta.type,
    element: kind.element,
    schemaPath: withOwnLeaf(path),
    codec: "UNCOMPRESSED", // what readPage gets is unpacked
    parsers: kind.bytes
      ? { ...decoders.parsers, stringFromBytes: (bytes) => bytes.slice() }
      : decoders.parsers,
  };
  const levels = {
    repetition: decoders.schema.getMaxRepetitionLevel(path),
    definition: decoders.schema.getMaxDefinitionLevel(path),
  };
  const reader = { view: viewOf(bytes), offset: 0 };
  const chunks: Decoded[] = [];
  let dictionary: Decoded | undefined;
  let last: Decoded | undefined;
  let left = Number(meta.num_values);
  while (left > 0 && reader.offset < bytes.length) {
    const header = parquetHeader(reader);
    const start = reader.offset;
    const end = start + header.compressed_page_size;
    if (!(end >= start && end <= bytes.length)) {
      throw new Error("a page reaches beyond its column");
    }
    reader.offset = end;
    if (header.type === "INDEX_PAGE") continue;
    const length = header.uncompressed_page_size;
    if (!(length >= 0)) throw new Error("a page does not say how long it is");
    spend(length);
    const values = valuesOf(header);
    if (header.type !== "DICTIONARY_PAGE") {
      left -= values;
      if (left < 0) {
        throw new Error(
          `its pages claim more than its ${meta.num_values} values`,
        );
      }
    } else if (values > length * 8) {
      throw new Error("its dictionary claims more values than it has bits");
    }
    const { page, plain } = unpackedPage(
      header,
      bytes.subarray(start, end),
      unpack,
    );
    checkPage(page, plain, { levels, isBoolean: meta.type === "BOOLEAN" });
    const { data } = readPage(
      { view: viewOf(page), offset: 0 },
      plain,
      decoder,
      dictionary,
      last,
      0,
    );
    if (data === undefined) continue;
    if (header.type === "DICTIONARY_PAGE") {
      dictionary = decoders.convert.convert(data, decoder);
    } else {
      if (hasHole(data)) {
        throw new Error("a page names a value that its dictionary lacks");
      }
      if (data !== last) chunks.push(data);
      last = data;
    }
  }
  const whole = chunks.length === 1 ? chunks[0] : chunks.flatMap((c) => [...c]);
  const column = kind.convert === null ? whole : mapDeep(whole, kind.convert);
  if (column.length !== rows) {
    throw new Error(
      `has ${column.length} rows where its row group has ${rows}`,
    );
  }
  return column;
}

/**
 * A field that repeats without a list around it, as a list of fields that do not: hyparquet takes the empty list of
 * the first for null.
 */
function withOwnLeaf(path: SchemaTree[]): SchemaTree[] {
  const leaf = path[path.length - 1];
  if (leaf.element.repetition_type !== "REPEATED") return path;
  const element = { ...leaf.element, repetition_type: "REQUIRED" } as const;
  return [...path, { ...leaf, element }];
}

/** The values with each changed, those in lists too; null and undefined stay. */
function mapDeep(
  data: Decoded,
  convert: (value: unknown) => unknown,
): unknown[] {
  return Array.from(data, (value): unknown => {
    if (value === null || value === undefined) return value;
    return Array.isArray(value) ? mapDeep(value, convert) : convert(value);
  });
}

function valuesOf(header: PageHeader): number {
  const values = header.data_page_header?.num_values ??
    header.data_page_header_v2?.num_values ??
    header.dictionary_page_header?.num_values;
  if (values === undefined || !(values >= 0)) {
    throw new Error("a page does not say how many values it has");
  }
  return values;
}

/** A page as readPage takes it: unpacked, with a header that says so. */
function unpackedPage(
  header: PageHeader,
  packed: Uint8Array<ArrayBuffer>,
  unpack: UnpackPage,
): { page: Uint8Array; plain: PageHeader } {
  const length = header.uncompressed_page_size;
  const v2 = header.data_page_header_v2;
  if (v2 === undefined) {
    return {
      page: unpack(packed, length),
      plain: { ...header, compressed_page_size: length },
    };
  }
  // levels are never packed in the second version of pages
  const levels = v2.repetition_levels_byte_length +
    v2.definition_levels_byte_length;
  if (!(levels >= 0 && levels <= packed.length && levels <= length)) {
    throw new Error("a page's levels reach beyond it");
  }
  const page = new Uint8Array(length);
  page.set(packed.subarray(0, levels));
  const rest = packed.subarray(levels);
  page.set(
    v2.is_compressed === false ? rest : unpack(rest, length - levels),
    levels,
  );
  return {
    page,
    plain: {
      ...header,
      compressed_page_size: length,
      data_page_header_v2: { ...v2, is_compressed: false },
    },
  };
}

/** Looks at the runs of a page: levels, and indices into the dictionary. */
function checkPage(
  page: Uint8Array,
  header: PageHeader,
  { levels, isBoolean }: {
    levels: { repetition: number; definition: number };
    isBoolean: boolean;
  },
): void {
  const v1 = header.data_page_header;
  const v2 = header.data_page_header_v2;
  if (v1 === undefined && v2 === undefined) return;
  const count = valuesOf(header);
  let at = 0;
  const view = viewOf(page);
  const runs = (max: number, length: number) => {
    checkRuns(page, { at, end: at + length, width: bits(max), count });
    at += length;
  };
  const prefixed = (max: number) => {
    const length = view.getUint32(at, true);
    at += 4;
    runs(max, length);
  };
  for (
    const [max, length] of [
      [levels.repetition, v2?.repetition_levels_byte_length],
      [levels.definition, v2?.definition_levels_byte_length],
    ] as const
  ) {
    if (v2 !== undefined) {
      if (max > 0) runs(max, length ?? 0);
      else at += length ?? 0;
    } else if (max > 0) prefixed(max);
  }
  const encoding = v1?.encoding ?? v2?.encoding ?? "PLAIN";
  if (at >= page.length) return; // only nulls
  if (isBoolean && encoding === "RLE") prefixed(1);
  else if (encoding.endsWith("_DICTIONARY")) {
    const width = page[at++];
    if (width > 32) throw new Error("a page has indices of more than 32 bits");
    checkRuns(page, { at, end: page.length, width, count });
  }
}

function bits(max: number): number {
  return 32 - Math.clz32(max);
}

function viewOf(bytes: Uint8Array): DataView<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes as Uint8Array<ArrayBuffer>;
  return new DataView(buffer, byteOffset, byteLength);
}

/** Whether a value is missing that is not null: an index beyond the dictionary. */
function hasHole(data: Decoded): boolean {
  if (!Array.isArray(data)) return false;
  for (const value of data) {
    if (value === undefined || (Array.isArray(value) && hasHole(value))) {
      return true;
    }
  }
  return false;
}
