/**
 * The log that a `.wandb` file is: LevelDB's format, with a header of its own. A record is cut at the borders of
 * blocks, and each piece carries a checksum, so that of a file whose writer was killed all whole records can be read.
 *
 * ```text
 * ":W&B" e1be 00 | crc32 u32, length u16, kind u8, bytes | ... |zeros| next block of 32 KiB
 * ```
 * @module
 */
import { crc32 } from "node:zlib";
import { writeAll } from "@denotune/denotune/core";

const BLOCK = 32768;
const HEAD = 7;
const HEADER = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0);
/** Kinds of pieces. */
const WHOLE = 1, FIRST = 2, MIDDLE = 3, LAST = 4;

/** Appends records to an open file that is empty or was cut at the end of a record. */
export class LogFile {
  readonly #file: Deno.FsFile;
  #at: number;

  constructor(file: Deno.FsFile, at: number) {
    this.#file = file;
    this.#at = at;
    if (at === 0) this.#write(HEADER);
  }

  /** Writes a record. */
  append(record: Uint8Array): void {
    const pieces: Uint8Array[] = [];
    let at = this.#at;
    for (
      let from = 0, first = true;
      first || from < record.length;
      first = false
    ) {
      const left = BLOCK - at % BLOCK;
      if (left < HEAD) {
        pieces.push(new Uint8Array(left));
        at += left;
      }
      const room = BLOCK - at % BLOCK - HEAD;
      const bytes = record.subarray(from, from + room);
      from += bytes.length;
      const last = from === record.length;
      const kind = first ? (last ? WHOLE : FIRST) : last ? LAST : MIDDLE;
      const piece = new Uint8Array(HEAD + bytes.length);
      piece[6] = kind;
      piece.set(bytes, HEAD);
      const view = new DataView(piece.buffer);
      view.setUint32(0, crc32(piece.subarray(6)), true);
      view.setUint16(4, bytes.length, true);
      pieces.push(piece);
      at += piece.length;
      if (last) break;
    }
    for (const piece of pieces) this.#write(piece);
  }

  #write(bytes: Uint8Array): void {
    writeAll(this.#file, bytes);
    this.#at += bytes.length;
  }
}

/** A record, and where it ends in the file. */
export interface LogRecord {
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** The whole records of a file; it ends at the first that is cut or does not have its checksum. */
export function* readLog(file: Uint8Array): Generator<LogRecord> {
  if (HEADER.some((byte, i) => file[i] !== byte)) return;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let parts: Uint8Array[] = [];
  for (let at = HEAD; at + HEAD <= file.length;) {
    const left = BLOCK - at % BLOCK;
    if (left < HEAD) {
      at += left;
      continue;
    }
    const length = view.getUint16(at + 4, true);
    const end = at + HEAD + length;
    const kind = file[at + 6];
    if (
      end > file.length ||
      crc32(file.subarray(at + 6, end)) !== view.getUint32(at, true)
    ) return;
    if (kind === WHOLE || kind === FIRST) parts = [];
    parts.push(file.subarray(at + HEAD, end));
    at = end;
    if (kind === WHOLE || kind === LAST) {
      yield { bytes: joined(parts), end };
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
