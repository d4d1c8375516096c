/**
 * Reads a GGUF file: its header through `@huggingface/gguf`, its tensors by range.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { BLOCK_TYPES, type BlockType } from "../blocks/mod.ts";

/** A tensor of a file. */
export interface GgufTensor {
  readonly name: string;
  /** Sizes, slowest first. */
  readonly shape: readonly number[];
  readonly type: BlockType;
  /** Its bytes in the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A value as it was read: types are gone, whole numbers of 64 bits are `bigint`. */
export type ReadValue =
  | number
  | bigint
  | boolean
  | string
  | readonly ReadValue[];

/** An open file. */
export interface GgufFile extends Disposable {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, ReadValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Where the tensors begin. */
  readonly dataOffset: number;
  /** Reads whole blocks: `count` numbers from `start` on, both multiples of the block size. Good until the next call. */
  readBlocks(tensor: GgufTensor, start: number, count: number): Float32Array;
}

/** Opens a file. Throws `DataError` for what is no GGUF file, or one of types that are not known here. */
export async function openGguf(path: string): Promise<GgufFile> {
  const { gguf } = await import("@huggingface/gguf");
  const refuse = (reason: string, cause?: unknown) =>
    new DataError(`Cannot read ${path}: ${reason}`, { cause });
  let parsed;
  try {
    parsed = await gguf(path, { allowLocalFile: true });
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error), error);
  }
  const dataOffset = Number(parsed.tensorDataOffset);
  const { size } = Deno.statSync(path);
  const tensors = new Map<string, GgufTensor>();
  for (const info of parsed.tensorInfos) {
    const type = BLOCK_TYPES.find(({ id }) => id === info.dtype);
    if (type === undefined) {
      throw refuse(`tensor ${info.name} has the type ${info.dtype}`);
    }
    const shape = info.shape.map(Number).reverse();
    const bytes = shape.reduce((a, b) => a * b, 1) / type.size * type.bytes;
    const offset = dataOffset + Number(info.offset);
    if (!Number.isInteger(bytes) || offset + bytes > size) {
      throw refuse(
        `tensor ${info.name} (${
          shape.join(" x ")
        }, ${type.name}) is not whole in its ${size} bytes`,
      );
    }
    tensors.set(info.name, { name: info.name, shape, type, offset, bytes });
  }
  const metadata = new Map<string, ReadValue>(Object.entries(parsed.metadata));
  const file = Deno.openSync(path, { read: true });
  let raw = new Uint8Array(0);
  let numbers = new Float32Array(0);
  return {
    path,
    metadata,
    tensors,
    dataOffset,
    readBlocks({ type, offset }, start, count) {
      const length = count / type.size * type.bytes;
      if (raw.length < length) raw = new Uint8Array(length);
      if (numbers.length < count) numbers = new Float32Array(count);
      const bytes = raw.subarray(0, length);
      file.seekSync(
        offset + start / type.size * type.bytes,
        Deno.SeekMode.Start,
      );
      for (let at = 0; at < length;) {
        const read = file.readSync(bytes.subarray(at));
        if (read === null) throw refuse("it ends early");
        at += read;
      }
      const values = numbers.subarray(0, count);
      type.dequantize(bytes, values);
      return values;
    },
    [Symbol.dispose]: () => file.close(),
  };
}
