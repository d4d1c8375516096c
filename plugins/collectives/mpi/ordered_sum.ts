/**
 * Sums in the order of the ranks, so that all ranks have the same bits whatever the library does.
 *
 * ```text
 * world 3       rank 0        rank 1        rank 2
 * values        a0 b0 c0      a1 b1 c1      a2 b2 c2
 * scattered     a0 a1 a2      b0 b1 b2      c0 c1 c2
 * summed        a             b             c              a = (a0 + a1) + a2, float32
 * gathered      a b c         a b c         a b c
 * ```
 *
 * Two ranks give each other little whole, and each adds it all: as many bytes, and one message instead of two.
 * @module
 */
import { bf16ToF32, f32ToBf16 } from "@denotune/denotune/core";

/** How numbers are sent. */
export interface Wire {
  /** Bytes of a number. */
  readonly bytes: number;
  /** The bytes of numbers, which may share their memory. */
  encode(values: Float32Array): ArrayBufferView<ArrayBuffer>;
  /** The numbers of bytes, which may share their memory. */
  decode(bytes: ArrayBufferView<ArrayBuffer>): Float32Array;
}

/** All bits. */
export const FLOAT32: Wire = {
  bytes: 4,
  encode: (values) => plainView(values) ?? new Float32Array(values),
  decode: ({ buffer, byteOffset, byteLength }) =>
    new Float32Array(buffer, byteOffset, byteLength / 4),
};

/** The upper 16 bits, rounded to the nearest. */
export const BFLOAT16: Wire = {
  bytes: 2,
  encode: (values) => new Uint16Array(f32ToBf16(values)),
  decode: ({ buffer, byteOffset, byteLength }) =>
    bf16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2)),
};

/** How gradients of a type are sent. */
export function wireOf(dtype: "float32" | "bfloat16"): Wire {
  return dtype === "bfloat16" ? BFLOAT16 : FLOAT32;
}

/** The same memory where a library may be given it; null: it is shared by threads. */
export function plainView(
  { buffer, byteOffset, length }: Float32Array,
): Float32Array<ArrayBuffer> | null {
  return buffer instanceof ArrayBuffer
    ? new Float32Array(buffer, byteOffset, length)
    : null;
}

/** Numbers that are added at once: they stay in the cache. */
const BLOCK = 4096;

/** The sum of the pieces of all ranks, added by rank; `into` may be one of them. */
export function addInOrder(
  [first, ...others]: readonly Float32Array[],
  into: Float32Array,
): void {
  const sums = new Float32Array(Math.min(BLOCK, into.length));
  for (let from = 0; from < into.length; from += BLOCK) {
    const n = Math.min(BLOCK, into.length - from);
    sums.set(first.subarray(from, from + n));
    for (const piece of others) {
      for (let i = 0; i < n; i++) sums[i] += piece[from + i];
    }
    into.set(n === BLOCK ? sums : sums.subarray(0, n), from);
  }
}

/** The shares of all ranks: pieces of equal length, the last ones shorter or empty. */
export function sharesOf(
  values: Float32Array,
  world: number,
): Float32Array[] {
  const most = Math.ceil(values.length / world);
  return Array.from(
    { length: world },
    (_, r) => values.subarray(r * most, (r + 1) * most),
  );
}

/** Most numbers that two ranks swap: of more, adding all takes longer than a second message. */
const MOST_SWAPPED = 1 << 18;

/** Whether both of two ranks add all of these numbers. Not where numbers are rounded to be sent: a rank has its own unrounded. */
export function areSwapped(
  { length }: Float32Array,
  { wire, world }: { readonly wire: Wire; readonly world: number },
): boolean {
  return world === 2 && wire === FLOAT32 && length <= MOST_SWAPPED;
}

/** Numbers that one call sends at most: MPI counts bytes in 32 bits, and copies stay small. */
export const CHUNK: number = 1 << 21;
