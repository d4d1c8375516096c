/**
 * How llama.cpp stores the numbers of a tensor: one by one (f32, f16, bf16), or in blocks of consecutive numbers of a
 * row that share a scale.
 * @module
 */

/** A way to store numbers. */
export interface BlockType {
  /** Its name: `q4_0`. */
  readonly name: string;
  /** The number by which GGUF names it. */
  readonly id: number;
  /** Consecutive numbers of a block; a row must be a multiple of it. */
  readonly size: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /**
   * The largest error of a number, as a share of the largest number of `size` consecutive ones. 0: none. It bounds
   * what quantization may do to weights as they occur, and is checked after writing.
   */
  readonly relative: number;
  /** Added to it, where the type has a smallest step. */
  readonly absolute: number;
  /** Stores `count` numbers of `x` (a multiple of `size`) into `out`. */
  quantize(x: Float32Array, out: Uint8Array): void;
  /** Reads them again into `x`. */
  dequantize(bytes: Uint8Array, x: Float32Array): void;
}

/** Stores block by block; `from` is a block's first number, `at` its first byte. */
export function eachBlock(
  { size, bytes }: Pick<BlockType, "size" | "bytes">,
  count: number,
  body: (from: number, at: number) => void,
): void {
  const blocks = count / size;
  for (let b = 0; b < blocks; b++) body(b * size, b * bytes);
}

const HALF = new Float16Array(1);
const HALF_BITS = new Uint16Array(HALF.buffer);

/** Writes a float16 and returns what was stored. */
export function putHalf(out: Uint8Array, at: number, value: number): number {
  HALF[0] = value;
  out[at] = HALF_BITS[0] & 0xff;
  out[at + 1] = HALF_BITS[0] >> 8;
  return HALF[0];
}

/** Reads a float16. */
export function getHalf(bytes: Uint8Array, at: number): number {
  HALF_BITS[0] = bytes[at] | (bytes[at + 1] << 8);
  return HALF[0];
}

/** Rounds a float32 to the nearest whole number, ties to even, as ggml does for numbers below 2^22. */
export function nearest(value: number): number {
  // 1.5 * 2^23: what is behind the point does not fit beside it
  return Math.fround(value + 12582912) - 12582912;
}
