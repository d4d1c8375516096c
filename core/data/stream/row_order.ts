/**
 * The shuffle buffer: the order of an epoch's rows as a function of (seed, epoch, rows), whatever reads them
 * and how fast.
 *
 * ```text
 * read in order ──► [ 7 3 9 4 ]  full ──► one of them at random, the next one takes its place
 * ```
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { hash32, mix32 } from "../../random.ts";
import type { RowMixer } from "./row_mixer.ts";
import type { DrawnRow } from "./types.ts";

/** Characters of rows that the buffer holds at most, so that long ones do not fill the memory. */
const BUFFER_CHARACTERS = 2 ** 28;

/** What the order depends on, besides the rows. */
export interface RowOrderOptions {
  /** Rows of the buffer; 1: the order of the sources. */
  readonly size: number;
  readonly seed: number;
  readonly epoch: number;
}

interface Buffered {
  readonly row: DrawnRow;
  /** In characters. */
  readonly size: number;
}

/**
 * Hash of rows in the order in which they were drawn. Rows that are only read, those of the buffer, do not count:
 * one that cannot be parsed may be mended before its turn comes.
 */
export class DrawnHash {
  readonly #hash: Hash;

  constructor(hash: Hash = createHash("sha256")) {
    this.#hash = hash;
  }

  /** Counts a row. Returns its size in characters. */
  add({ source, record }: DrawnRow): number {
    const text = textOf(record.value);
    this.#hash.update(`${source} ${text.length}\n`).update(text);
    return text.length;
  }

  /** The same hash, which goes its own way. */
  copy(): DrawnHash {
    return new DrawnHash(this.#hash.copy());
  }

  /** The hash so far, as hexadecimal digits. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}

/** Draws the rows of an epoch. */
export class RowOrder {
  readonly #mixer: RowMixer;
  readonly #size: number;
  readonly #key: number;
  #hash: DrawnHash = new DrawnHash();
  readonly #buffer: Buffered[] = [];
  #characters = 0;
  /** Rows that were taken from the buffer. */
  #taken = 0;
  /** Rows that were taken, and are drawn again. */
  #again: DrawnRow[] = [];

  constructor(mixer: RowMixer, { size, seed, epoch }: RowOrderOptions) {
    this.#mixer = mixer;
    this.#size = size;
    this.#key = hash32(seed, epoch, 0x73747265);
  }

  /** Rows drawn so far. */
  get drawn(): number {
    return this.#taken - this.#again.length;
  }

  /** Hash of the rows drawn so far. */
  get hash(): DrawnHash {
    return this.#hash.copy();
  }

  /** Gives back what was drawn last, with the hash before it. */
  putBack(rows: readonly DrawnRow[], hash: DrawnHash): void {
    this.#again = [...rows, ...this.#again];
    this.#hash = hash;
  }

  /** The next rows, up to `most.rows` or about `most.characters`; none: the epoch is over. */
  async draw(
    most: { readonly rows: number; readonly characters: number },
  ): Promise<DrawnRow[]> {
    const rows: DrawnRow[] = [];
    let characters = 0;
    while (rows.length < most.rows && characters < most.characters) {
      const row = this.#again.shift() ?? await this.#take();
      if (row === null) break;
      characters += this.#hash.add(row);
      rows.push(row);
    }
    return rows;
  }

  /** A row of the buffer; null: there is none. */
  async #take(): Promise<DrawnRow | null> {
    await this.#fill();
    const n = this.#buffer.length;
    if (n === 0) return null;
    const random = mix32(
      (this.#key + Math.imul(++this.#taken, 0x9e3779b9)) | 0,
    ) / 4294967296;
    const at = Math.floor(random * n);
    const { row, size } = this.#buffer[at];
    const last = this.#buffer.pop();
    if (last !== undefined && at < n - 1) this.#buffer[at] = last;
    this.#characters -= size;
    return row;
  }

  async #fill(): Promise<void> {
    while (
      this.#buffer.length < this.#size &&
      (this.#buffer.length === 0 || this.#characters < BUFFER_CHARACTERS)
    ) {
      const row = this.#mixer.take();
      if (row === null) {
        if (this.#mixer.isOver) return;
        await this.#mixer.fill();
        continue;
      }
      const size = textOf(row.record.value).length;
      this.#characters += size;
      this.#buffer.push({ row, size });
    }
  }
}

/** The text that is hashed for a value: the text of its row, or its JSON. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const text = JSON.stringify(
    value,
    (_, inner) => typeof inner === "bigint" ? `${inner}n` : inner,
  );
  return text ?? "";
}
