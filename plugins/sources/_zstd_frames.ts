/**
 * Where the frames of a zstd file begin and end, from their headers alone: a decoder that is given half a
 * frame, or several, may stop without a word.
 * @module
 */
import type { FileHandle } from "node:fs/promises";

/** Bytes `start` to before `end` of a file, and how long they are unpacked where the frame says so. */
export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
  readonly contentSize: number | null;
}

/** What is wrong with the frames of a file. */
export class ZstdProblem extends Error {}

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a5; // its last digit is free

/** The frames that hold data (RFC 8878). Throws {@linkcode ZstdProblem} where the file is cut or no zstd. */
export async function zstdFrames(
  file: FileHandle,
  size: number,
): Promise<ZstdFrame[]> {
  const buffer = new Uint8Array(18);
  const view = new DataView(buffer.buffer);
  const need = async (at: number, length: number): Promise<DataView> => {
    const { bytesRead } = at + length > size
      ? { bytesRead: 0 }
      : await file.read(buffer, 0, length, at);
    if (bytesRead < length) throw new ZstdProblem("ends too early");
    return view;
  };
  const frames: ZstdFrame[] = [];
  for (let at = 0; at < size;) {
    const start = at;
    const magic = (await need(at, 4)).getUint32(0, true);
    if (magic >>> 4 === SKIPPABLE) {
      at += 8 + (await need(at + 4, 4)).getUint32(0, true);
      if (at > size) throw new ZstdProblem("ends too early");
      continue;
    }
    if (magic !== MAGIC) throw new ZstdProblem(`has no frame at byte ${at}`);
    const descriptor = (await need(at + 4, 1)).getUint8(0);
    const isSingle = (descriptor & 0x20) !== 0;
    const sizeLength = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6];
    const before = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3];
    const contentSize = sizeLength === 0
      ? null
      : contentSizeOf(await need(at + before, sizeLength), sizeLength);
    at += before + sizeLength;
    for (let isLast = false; !isLast; at += 3) {
      const block = await need(at, 3);
      const header = block.getUint16(0, true) | (block.getUint8(2) << 16);
      isLast = (header & 1) === 1;
      const type = (header >> 1) & 3;
      if (type === 3) throw new ZstdProblem(`is broken at byte ${at}`);
      at += type === 1 ? 1 : header >> 3; // one byte, repeated; or as many as it says
    }
    if ((descriptor & 4) !== 0) at += 4; // a checksum
    if (at > size) throw new ZstdProblem("ends too early");
    frames.push({ start, end: at, contentSize });
  }
  return frames;
}

function contentSizeOf(view: DataView, length: number): number {
  switch (length) {
    case 1:
      return view.getUint8(0);
    case 2:
      return view.getUint16(0, true) + 256;
    case 4:
      return view.getUint32(0, true);
    default:
      return Number(view.getBigUint64(0, true));
  }
}
