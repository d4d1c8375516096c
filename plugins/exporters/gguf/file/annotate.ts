/**
 * The figures of the check in the metadata of a file: room for them is reserved when it is written, so that nothing
 * moves when they are known.
 * @module
 */
import { DataError, writeAll } from "@denotune/denotune/core";
import type { GgufMetadata } from "./value.ts";
import { openGguf } from "./read_gguf.ts";

const KEY = "denotune.check";

/** Bytes for the figures. */
const ROOM = 8192;

/** Room for the figures. */
export function roomForFigures(): GgufMetadata {
  return { [KEY]: { string: " ".repeat(ROOM) } };
}

/** Writes the figures (JSON); where they do not fit, the file points to the report beside it. */
export async function annotate(path: string, figures: string): Promise<void> {
  let dataOffset: number;
  {
    using file = await openGguf(path);
    dataOffset = file.dataOffset;
  }
  const encoder = new TextEncoder();
  const bytes = encoder.encode(figures);
  const text = bytes.length <= ROOM
    ? bytes
    : encoder.encode(JSON.stringify({ report: "export.json" }));
  using file = Deno.openSync(path, { read: true, write: true });
  const header = new Uint8Array(dataOffset);
  for (let at = 0; at < header.length;) {
    const read = file.readSync(header.subarray(at));
    if (read === null) {
      throw new DataError(`Cannot read ${path}: it ends early`);
    }
    at += read;
  }
  const at = indexOf(header, encoder.encode(KEY));
  if (at < 0) throw new DataError(`${path} has no room for the figures`);
  // the key, the type of the value and its length
  file.seekSync(at + KEY.length + 12, Deno.SeekMode.Start);
  const room = new Uint8Array(ROOM).fill(0x20);
  room.set(text);
  writeAll(file, room);
  file.syncSync();
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
