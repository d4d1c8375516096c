/**
 * Reads safetensors files: the header at once, tensors by range when they are asked for.
 * @module
 */
import { DataError } from "../contracts/errors.ts";
import type { DType } from "../graph/dtype.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./half.ts";
import {
  elementBytes,
  readHeader,
  type SafetensorsDType,
  type TensorEntry,
} from "./safetensors_header.ts";
import { release } from "./release.ts";

/** Elements that are converted at a time: 4 MiB of float32. */
const CHUNK = 1 << 20;

/** Consecutive elements of a tensor, row-major. */
export interface ElementRange {
  /** First element. */
  readonly start: number;
  /** How many. */
  readonly count: number;
}

/** How a weight may be stored in memory. */
export type Storage = Exclude<DType, "i32" | "i8">;

/** A safetensors file, open for reading. */
export class SafetensorsFile implements Disposable {
  /** Where it is. */
  readonly path: string;
  /** `__metadata__` of its header. */
  readonly metadata: { readonly [key: string]: string };
  /** Its tensors by name. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly #file: Deno.FsFile;

  /** Opens a file and checks its header. Throws `DataError` naming the file, the tensor and what was found. */
  constructor(path: string) {
    this.path = path;
    try {
      // before it is opened: opening a pipe waits for its writer
      if (!Deno.statSync(path).isFile) {
        throw new DataError(`Cannot read ${path}: it is no file`);
      }
      this.#file = Deno.openSync(path, { read: true });
    } catch (error) {
      if (error instanceof DataError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new DataError(`Cannot open ${path}: ${reason}`, { cause: error });
    }
    try {
      const { size } = this.#file.statSync();
      const header = readHeader(path, size, (offset, length) => {
        const bytes = new Uint8Array(length);
        this.#readAt(offset, bytes);
        return bytes;
      });
      this.metadata = header.metadata;
      this.tensors = new Map(
        header.tensors.map((entry) => [
          entry.name,
          new StoredTensor(path, entry, (o, b) => this.#readAt(o, b)),
        ]),
      );
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** Closes the file; its tensors cannot be read any more. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #readAt(offset: number, bytes: Uint8Array): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      // one call moves at most 2 GiB on Linux
      const n = this.#file.readSync(bytes.subarray(at, at + (1 << 30)));
      if (n === null) {
        throw new DataError(
          `${this.path} became shorter while it was read: it ends before byte ${
            offset + bytes.length
          }`,
        );
      }
      at += n;
    }
  }
}

/** A tensor of an open file. */
export class StoredTensor {
  /** The file that holds it. */
  readonly path: string;
  /** Its name in that file. */
  readonly name: string;
  /** Type of the elements in the file. */
  readonly dtype: SafetensorsDType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly elements: number;
  /** Where its bytes begin in the file. */
  readonly offset: number;
  readonly #readAt: (offset: number, bytes: Uint8Array) => void;

  /** Made by {@linkcode SafetensorsFile}: `readAt` fills bytes from a place of the file. */
  constructor(
    path: string,
    entry: TensorEntry,
    readAt: (offset: number, bytes: Uint8Array) => void,
  ) {
    this.path = path;
    this.name = entry.name;
    this.dtype = entry.dtype;
    this.shape = entry.shape;
    this.elements = entry.bytes / elementBytes(entry.dtype);
    this.offset = entry.offset;
    this.#readAt = readAt;
  }

  /** Elements in float32, widened exactly; all of them by default. Throws `DataError` for types that are no weight's. */
  read(range?: ElementRange): Float32Array {
    const { start, count } = this.#checked(range);
    const out = new Float32Array(count);
    this.readInto(out, start);
    return out;
  }

  /**
   * Elements as 16-bit numbers: the file's own bits where it has that type, else rounded to nearest even.
   */
  readHalf(storage: "bf16" | "f16", range?: ElementRange): Uint16Array {
    const { start, count } = this.#checked(range);
    const out = new Uint16Array(count);
    this.readHalfInto(storage, out, start);
    return out;
  }

  /** Fills `out` with the elements from `start` on, as `readHalf` gives them. */
  readHalfInto(
    storage: "bf16" | "f16",
    out: Uint16Array,
    start: number = 0,
  ): void {
    const { count } = this.#checked({ start, count: out.length });
    if (this.dtype === (storage === "bf16" ? "BF16" : "F16")) {
      return this.#bytes(start, out);
    }
    const narrow = storage === "bf16" ? f32ToBf16 : f32ToF16;
    const chunk = new Float32Array(Math.min(CHUNK, count));
    for (let at = 0; at < count; at += CHUNK) {
      const part = chunk.subarray(0, Math.min(CHUNK, count - at));
      this.readInto(part, start + at);
      narrow(part, out.subarray(at, at + part.length));
    }
    release(chunk);
  }

  /** Whether the file has the elements as `storage` does. */
  isStoredAs(storage: "f32" | "bf16" | "f16"): boolean {
    return this.dtype === storage.toUpperCase();
  }

  /** Fills `out` with the elements from `start` on, in float32. */
  readInto(out: Float32Array, start: number = 0): void {
    this.#checked({ start, count: out.length });
    if (this.dtype === "F32") return this.#bytes(start, out);
    const widen = this.dtype === "BF16"
      ? bf16ToF32
      : this.dtype === "F16"
      ? f16ToF32
      : null;
    if (widen === null) {
      throw new DataError(
        `${this.path}: tensor ${this.name} is stored as ${this.dtype}; weights can be read from F32, F16 and BF16 only`,
      );
    }
    const chunk = new Uint16Array(Math.min(CHUNK, out.length));
    for (let at = 0; at < out.length; at += CHUNK) {
      const part = chunk.subarray(0, Math.min(CHUNK, out.length - at));
      this.#bytes(start + at, part);
      widen(part, out.subarray(at, at + part.length));
    }
    release(chunk);
  }

  /** The bytes as they are in the file. */
  readBytes(range?: ElementRange): Uint8Array {
    const { start, count } = this.#checked(range);
    const size = elementBytes(this.dtype);
    const out = new Uint8Array(count * size);
    this.#readAt(this.offset + start * size, out);
    return out;
  }

  #bytes(start: number, out: Float32Array | Uint16Array): void {
    this.#readAt(
      this.offset + start * out.BYTES_PER_ELEMENT,
      new Uint8Array(out.buffer, out.byteOffset, out.byteLength),
    );
  }

  #checked(
    { start, count }: ElementRange = { start: 0, count: this.elements },
  ): ElementRange {
    if (start < 0 || count < 0 || start + count > this.elements) {
      throw new RangeError(
        `Cannot read elements ${start}..${
          start + count
        } of ${this.name}: it has ${this.elements}`,
      );
    }
    return { start, count };
  }
}
