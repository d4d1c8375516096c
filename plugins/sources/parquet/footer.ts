/**
 * The footer of a Parquet file: where row groups and columns are, checked against the file.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import type { FileMetaData, SchemaTree } from "hyparquet";

/** Limits of one file. */
export interface ParquetLimits {
  readonly max_group_mb: number;
  readonly max_expansion: number;
}

/** Numbers that a column of a row group may have: decoded, each takes eight bytes and more. */
const MAX_VALUES = 2 ** 25;
const MAX_FOOTER = 2 ** 28;
const LOOK_FROM = 16 * 2 ** 20;
/**
 * Bytes after a column that may still be its own: old writers left the header of the dictionary out of the size.
 */
const SLACK = 100;

/** A column of a row group. */
export interface ColumnPlace {
  /** Names from the top. */
  readonly path: readonly string[];
  readonly start: number;
  readonly end: number;
  /** Bytes that the footer gives it. */
  readonly packed: number;
  /** Index of its metadata in the row group. */
  readonly index: number;
}

/** A row group. */
export interface GroupPlace {
  /** First row, and how many. */
  readonly from: number;
  readonly rows: number;
  /** Columns that are read. */
  readonly columns: readonly ColumnPlace[];
}

/** Reads a part of the file. */
export type ReadPart = (start: number, end: number) => Uint8Array<ArrayBuffer>;

/** The bytes of the footer. Throws `DataError`: no Parquet, cut, encrypted. */
export function readFooter(
  path: string,
  size: number,
  read: ReadPart,
): Uint8Array<ArrayBuffer> {
  const fail = (what: string): never => {
    throw new DataError(`${path}: ${what}`);
  };
  if (size === 0) fail("the file is empty");
  const magic = (at: number) =>
    new TextDecoder().decode(read(at, Math.min(at + 4, size)));
  if (magic(0) === "PARE") fail("is encrypted Parquet, which is not read");
  if (magic(0) !== "PAR1") {
    fail("is no Parquet file: it does not begin with PAR1");
  }
  if (size < 12 || magic(size - 4) !== "PAR1") {
    fail("the Parquet file ends too early; it was cut off, fetch it again");
  }
  const length = new DataView(read(size - 8, size - 4).buffer).getUint32(
    0,
    true,
  );
  if (length > size - 12) {
    fail("the Parquet file's footer is longer than the file; fetch it again");
  }
  if (length > MAX_FOOTER) {
    fail(`the Parquet file's footer has ${length} bytes`);
  }
  return read(size - 8 - length, size);
}

/**
 * Where the row groups and their columns are. `columns` null: all. Throws `DataError` for what is not
 * in the file, contradicts itself, or is above the limits.
 */
export function groupsOf(
  metadata: FileMetaData,
  schema: SchemaTree,
  { path, size, columns, limits }: {
    readonly path: string;
    readonly size: number;
    readonly columns: readonly string[] | null;
    readonly limits: ParquetLimits;
  },
): GroupPlace[] {
  if (!Array.isArray(metadata.row_groups)) {
    throw new DataError(
      `${path}: its footer has no row groups; the file is broken, fetch it again`,
    );
  }
  const names = schema.children.map((c) => c.element.name);
  const unknown = columns?.find((c) => !names.includes(c));
  if (unknown !== undefined) {
    throw new DataError(
      `${path}: has no column ${unknown}; it has ${names.join(", ")}`,
    );
  }
  const wanted = new Set(columns ?? names);
  const groups: GroupPlace[] = [];
  let from = 0;
  for (const [g, group] of metadata.row_groups.entries()) {
    const fail = (what: string): never => {
      throw new DataError(
        `${path}: row group ${g}: ${what}; the file is broken, fetch it again`,
      );
    };
    const rows = Number(group.num_rows);
    if (!(rows >= 0 && rows <= MAX_VALUES)) {
      throw new DataError(
        `${path}: row group ${g} has ${rows} rows; up to ${MAX_VALUES} are read, write the file with smaller row groups`,
      );
    }
    if (rows === 0) continue; // some writers give it no place in the file
    let claimed = 0;
    if (!Array.isArray(group.columns)) return fail("it has no columns");
    const places: ColumnPlace[] = [];
    for (const [index, chunk] of group.columns.entries()) {
      const meta = chunk.meta_data;
      if (meta === undefined) return fail("a column has no description");
      const column = meta.path_in_schema;
      if (!Array.isArray(column) || column.length === 0) {
        return fail("a column has no name");
      }
      if (!wanted.has(column[0])) continue;
      const name = column.join(".");
      if (chunk.file_path) fail(`column ${name} is in another file`);
      const first = meta.dictionary_page_offset;
      const start = Number(
        first !== undefined && first > 0n && first < meta.data_page_offset
          ? first
          : meta.data_page_offset,
      );
      const packed = Number(meta.total_compressed_size);
      // some writers leave 0 here, or count without headers: it can only warn early
      const unpacked = Number(meta.total_uncompressed_size ?? 0);
      const end = start + packed;
      if (!(start >= 4 && packed >= 0 && end <= size - 8)) {
        fail(`column ${name} is not inside the file`);
      }
      if (!(Number(meta.num_values) <= MAX_VALUES)) {
        fail(`column ${name} claims ${meta.num_values} values`);
      }
      checkColumnSize(unpacked, { path, group: g, name, packed, limits });
      claimed += unpacked;
      places.push({
        path: column,
        start,
        end: Math.min(end + SLACK, size - 8),
        packed,
        index,
      });
    }
    checkGroupSize(claimed, { path, group: g, limits });
    groups.push({ from, rows, columns: places });
    from += rows;
  }
  if (from !== Number(metadata.num_rows)) {
    throw new DataError(
      `${path}: its row groups have ${from} rows, its footer says ${metadata.num_rows}; the file is broken, fetch it again`,
    );
  }
  return groups;
}

/** Throws `DataError` where a column unpacks to far more than it takes in the file. */
export function checkColumnSize(
  unpacked: number,
  { path, group, name, packed, limits }: {
    readonly path: string;
    readonly group: number;
    readonly name: string;
    readonly packed: number;
    readonly limits: ParquetLimits;
  },
): void {
  if (unpacked <= LOOK_FROM || unpacked <= packed * limits.max_expansion) {
    return;
  }
  throw new DataError(
    `${path}: row group ${group}: column ${name} unpacks to more than ${limits.max_expansion} times its ${packed} bytes; if it is meant to, raise max_expansion (an option of \`source\`)`,
  );
}

/** Throws `DataError` where a row group unpacks to more than memory is meant for. */
export function checkGroupSize(
  unpacked: number,
  { path, group, limits }: {
    readonly path: string;
    readonly group: number;
    readonly limits: ParquetLimits;
  },
): void {
  if (unpacked <= limits.max_group_mb * 2 ** 20) return;
  throw new DataError(
    `${path}: row group ${group} unpacks to ${
      Math.ceil(unpacked / 2 ** 20)
    } MB; read fewer columns, write the file with smaller row groups, or raise max_group_mb (an option of \`source\`)`,
  );
}
