/**
 * Writes Parquet files of lists of numbers: rows of tokens, as other tools read them. Plain, uncompressed, one page a
 * column and row group.
 *
 * ```text
 * PAR1   input_ids of rows 0..   labels of rows 0..   input_ids of rows n..  ...   footer   its length   PAR1
 *        page header | levels | numbers
 * levels of 3 rows of 2, 1 and 2 tokens:   repetition 0 1 0 0 1 (0 begins a row), definition 1 1 1 1 1
 * ```
 * @module
 */
import { writeAll } from "./atomic.ts";

/** A column: a list of numbers in each row, none of them empty. */
export interface ListColumn {
  readonly name: string;
  readonly type: "int32" | "float";
}

/** A row: its lists, in the order of the columns. */
export type ListRow = readonly ArrayLike<number>[];

/** Numbers of a column in a row group, at most: what is held in memory at a time. */
const GROUP_VALUES = 1 << 20;
const MAGIC = new TextEncoder().encode("PAR1");
const TYPES = { int32: 1, float: 4 } as const;
const RLE = 3;

/** A column of a row group, as the footer names it. */
interface Chunk {
  readonly offset: number;
  readonly bytes: number;
  readonly values: number;
}

/** Writes rows one after the other; `close` writes what makes the file whole. */
export class ParquetWriter {
  readonly #file: Deno.FsFile;
  readonly #columns: readonly ListColumn[];
  readonly #groups: { readonly rows: number; readonly chunks: Chunk[] }[] = [];
  #rows: ListRow[] = [];
  #values = 0;
  #offset = 0;

  constructor(file: Deno.FsFile, columns: readonly ListColumn[]) {
    this.#file = file;
    this.#columns = columns;
    this.#put(MAGIC);
  }

  /** Adds a row. Throws `RangeError` for an empty list. */
  add(row: ListRow): void {
    if (row.some((list) => list.length === 0)) {
      throw new RangeError("A row has an empty list");
    }
    this.#rows.push(row);
    this.#values += row[0].length;
    if (this.#values >= GROUP_VALUES) this.#flush();
  }

  /** Writes the rows held, and the footer. */
  close(): void {
    this.#flush();
    const footer = this.#footer();
    this.#put(footer);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, footer.length, true);
    this.#put(length);
    this.#put(MAGIC);
  }

  #flush(): void {
    if (this.#rows.length === 0) return;
    const chunks = this.#columns.map((column, c) => {
      const lists = this.#rows.map((row) => row[c]);
      const { bytes, values } = pageOf(column, lists);
      const offset = this.#offset;
      this.#put(bytes);
      return { offset, bytes: bytes.length, values };
    });
    this.#groups.push({ rows: this.#rows.length, chunks });
    this.#rows = [];
    this.#values = 0;
  }

  #footer(): Uint8Array {
    const out = new Thrift();
    const columns = this.#columns;
    const rows = this.#groups.reduce((sum, group) => sum + group.rows, 0);
    out.struct(() => {
      out.i32(1, 1); // version
      out.list(2, "struct", 1 + 3 * columns.length);
      out.element(() => {
        out.text(4, "schema");
        out.i32(5, columns.length);
      });
      for (const { name, type } of columns) {
        out.element(() => {
          out.i32(3, 0); // required
          out.text(4, name);
          out.i32(5, 1);
          out.i32(6, 3); // LIST
        });
        out.element(() => {
          out.i32(3, 2); // repeated
          out.text(4, "list");
          out.i32(5, 1);
        });
        out.element(() => {
          out.i32(1, TYPES[type]);
          out.i32(3, 0);
          out.text(4, "element");
        });
      }
      out.i64(3, rows);
      out.list(4, "struct", this.#groups.length);
      for (const { rows, chunks } of this.#groups) {
        out.element(() => {
          out.list(1, "struct", chunks.length);
          chunks.forEach((chunk, c) => this.#chunk(out, columns[c], chunk));
          out.i64(2, chunks.reduce((sum, { bytes }) => sum + bytes, 0));
          out.i64(3, rows);
        });
      }
      out.text(6, "denotune");
    });
    return out.bytes();
  }

  #chunk(
    out: Thrift,
    { name, type }: ListColumn,
    { offset, bytes, values }: Chunk,
  ): void {
    out.element(() => {
      out.i64(2, offset);
      out.field(3, "struct", () =>
        out.struct(() => {
          out.i32(1, TYPES[type]);
          out.list(2, "i32", 2);
          out.number(0); // PLAIN
          out.number(RLE);
          out.list(3, "binary", 3);
          for (const step of [name, "list", "element"]) out.string(step);
          out.i32(4, 0); // uncompressed
          out.i64(5, values);
          out.i64(6, bytes);
          out.i64(7, bytes);
          out.i64(9, offset);
        }));
    });
  }

  #put(bytes: Uint8Array): void {
    writeAll(this.#file, bytes);
    this.#offset += bytes.length;
  }
}

/** A data page with its header. */
function pageOf(
  { type }: ListColumn,
  lists: readonly ArrayLike<number>[],
): { readonly bytes: Uint8Array; readonly values: number } {
  const values = lists.reduce((sum, list) => sum + list.length, 0);
  const repetitions = new Thrift();
  for (const { length } of lists) {
    repetitions.run(0, 1);
    if (length > 1) repetitions.run(1, length - 1);
  }
  const definitions = new Thrift();
  definitions.run(1, values);
  const numbers = new Uint8Array(4 * values);
  const view = new DataView(numbers.buffer);
  let at = 0;
  for (const list of lists) {
    for (let i = 0; i < list.length; i++, at += 4) {
      if (type === "int32") view.setInt32(at, list[i], true);
      else view.setFloat32(at, list[i], true);
    }
  }
  const parts = [
    ...[repetitions, definitions].flatMap((levels) => {
      const bytes = levels.bytes();
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length, true);
      return [length, bytes];
    }),
    numbers,
  ];
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const header = new Thrift();
  header.struct(() => {
    header.i32(1, 0); // a data page
    header.i32(2, size);
    header.i32(3, size);
    header.field(5, "struct", () =>
      header.struct(() => {
        header.i32(1, values);
        header.i32(2, 0); // PLAIN
        header.i32(3, RLE);
        header.i32(4, RLE);
      }));
  });
  return { bytes: joined([header.bytes(), ...parts]), values };
}

const WIRE = { i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

/** Thrift's compact protocol, and Parquet's runs of levels, which have its variable-length numbers too. */
class Thrift {
  #bytes: number[] = [];
  #last = 0;

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  /** A run of one level of one bit: its length, then the level. */
  run(level: 0 | 1, count: number): void {
    this.#varint(count * 2);
    this.#bytes.push(level);
  }

  struct(body: () => void): void {
    const outer = this.#last;
    this.#last = 0;
    body();
    this.#bytes.push(0);
    this.#last = outer;
  }

  /** A struct in a list. */
  element(body: () => void): void {
    this.struct(body);
  }

  field(id: number, type: keyof typeof WIRE, body: () => void): void {
    this.#bytes.push((id - this.#last) << 4 | WIRE[type]); // ids of ours differ by less than 16
    this.#last = id;
    body();
  }

  i32(id: number, value: number): void {
    this.field(id, "i32", () => this.number(value));
  }

  i64(id: number, value: number): void {
    this.field(id, "i64", () => this.number(value));
  }

  text(id: number, value: string): void {
    this.field(id, "binary", () => this.string(value));
  }

  list(id: number, of: keyof typeof WIRE, size: number): void {
    this.field(id, "list", () => {
      if (size < 15) this.#bytes.push(size << 4 | WIRE[of]);
      else {
        this.#bytes.push(0xf0 | WIRE[of]);
        this.#varint(size);
      }
    });
  }

  /** A whole number from 0 up, zigzag. */
  number(value: number): void {
    this.#varint(value * 2);
  }

  string(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.#varint(bytes.length);
    this.#bytes.push(...bytes);
  }

  #varint(value: number): void {
    let rest = value; // may be larger than 32 bits
    while (rest >= 128) {
      this.#bytes.push(rest % 128 + 128);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
