/**
 * Values of GGUF's metadata with their types, and the bytes of a header.
 *
 * ```text
 * "GGUF" | u32 version 3 | u64 tensors | u64 keys | key, type, value ... | name, dimensions, type, offset ... | padding | data
 * ```
 *
 * Numbers are little-endian; texts are their length as u64 and UTF-8; an array is its elements' type, their number and
 * they themselves. Dimensions of a tensor begin with the fastest.
 * @module
 */

/** A value with its type. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly i32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly u32s: readonly number[] }
  | { readonly i32s: ArrayLike<number> }
  | { readonly f32s: ArrayLike<number> }
  | { readonly strings: readonly string[] };

/** Metadata by key, in order. */
export type GgufMetadata = { readonly [key: string]: GgufValue };

/** The numbers by which GGUF names types. */
const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** Bytes that grow. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #encoder = new TextEncoder();

  /** What was written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Where `count` further bytes begin. What holds them may be another buffer afterwards. */
  #room(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const grown = new Uint8Array(2 * (at + count));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length += count;
    return at;
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
  }

  i32(value: number): void {
    const at = this.#room(4);
    this.#view.setInt32(at, value, true);
  }

  f32(value: number): void {
    const at = this.#room(4);
    this.#view.setFloat32(at, value, true);
  }

  u64(value: number): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  text(value: string): void {
    const bytes = this.#encoder.encode(value);
    this.u64(bytes.length);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** A value with its type in front. */
  value(value: GgufValue): void {
    if ("u32" in value) {
      this.u32(TYPES.u32);
      this.u32(value.u32);
    } else if ("i32" in value) {
      this.u32(TYPES.i32);
      this.i32(value.i32);
    } else if ("f32" in value) {
      this.u32(TYPES.f32);
      this.f32(value.f32);
    } else if ("bool" in value) {
      this.u32(TYPES.bool);
      const at = this.#room(1);
      this.#bytes[at] = value.bool ? 1 : 0;
    } else if ("string" in value) {
      this.u32(TYPES.string);
      this.text(value.string);
    } else if ("strings" in value) {
      this.#array("string", value.strings, (v) => this.text(v));
    } else if ("u32s" in value) {
      this.#array("u32", value.u32s, (v) => this.u32(v));
    } else if ("i32s" in value) {
      this.#array("i32", value.i32s, (v) => this.i32(v));
    } else {
      this.#array("f32", value.f32s, (v) => this.f32(v));
    }
  }

  #array<T>(
    type: keyof typeof TYPES,
    values: ArrayLike<T>,
    write: (value: T) => void,
  ): void {
    this.u32(TYPES.array);
    this.u32(TYPES[type]);
    this.u64(values.length);
    for (let i = 0; i < values.length; i++) write(values[i]);
  }
}
