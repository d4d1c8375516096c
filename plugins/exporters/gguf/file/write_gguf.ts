/**
 * Writes a GGUF file: the header at once, tensors in pieces, so that none is in memory whole.
 * @module
 */
import { writeAll } from "@denotune/denotune/core";
import type { BlockType } from "../blocks/mod.ts";
import { ByteWriter, type GgufMetadata } from "./value.ts";

/** Every tensor begins at a multiple of it, counted from the first. */
export const ALIGNMENT = 32;

/** A tensor to write. */
export interface GgufTensorToWrite {
  readonly name: string;
  /** Sizes, slowest first, as everywhere here; GGUF has them the other way round. */
  readonly shape: readonly number[];
  readonly type: BlockType;
  /** The numbers in order, in pieces of whole rows; each is good until the next. */
  pieces(): AsyncIterable<Float32Array>;
}

function padded(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** Bytes of a tensor. */
export function tensorBytes(
  { shape, type }: Pick<GgufTensorToWrite, "shape" | "type">,
): number {
  return shape.reduce((a, b) => a * b, 1) / type.size * type.bytes;
}

/** The header of a file. */
export function headerOf(
  metadata: GgufMetadata,
  tensors: readonly Omit<GgufTensorToWrite, "pieces">[],
): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  out.u32(0x46554747); // "GGUF"
  out.u32(3);
  out.u64(tensors.length);
  const entries = Object.entries(metadata);
  out.u64(entries.length);
  for (const [key, value] of entries) {
    out.text(key);
    out.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.text(tensor.name);
    out.u32(tensor.shape.length);
    for (const size of [...tensor.shape].reverse()) out.u64(size);
    out.u32(tensor.type.id);
    out.u64(offset);
    offset += padded(tensorBytes(tensor));
  }
  const header = new Uint8Array(padded(out.length));
  header.set(out.bytes);
  return header;
}

/** Writes a file. Throws what reading a tensor throws, and leaves what it has written. */
export async function writeGguf(
  path: string,
  { metadata, tensors }: {
    readonly metadata: GgufMetadata;
    readonly tensors: readonly GgufTensorToWrite[];
  },
): Promise<void> {
  using file = Deno.openSync(path, {
    write: true,
    create: true,
    truncate: true,
  });
  writeAll(file, headerOf(metadata, tensors));
  let out = new Uint8Array(0);
  for (const tensor of tensors) {
    const { type } = tensor;
    let written = 0;
    for await (const piece of tensor.pieces()) {
      const bytes = piece.length / type.size * type.bytes;
      if (out.length < bytes) out = new Uint8Array(bytes);
      const part = out.subarray(0, bytes);
      type.quantize(piece, part);
      writeAll(file, part);
      written += bytes;
    }
    const expected = tensorBytes(tensor);
    if (written !== expected) {
      throw new RangeError(
        `Cannot write tensor ${tensor.name}: it has ${written} bytes where its shape takes ${expected}`,
      );
    }
    writeAll(file, new Uint8Array(padded(written) - written));
  }
  file.syncSync();
}
