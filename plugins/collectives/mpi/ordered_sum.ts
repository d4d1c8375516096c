/**
 * Sums in the order of the ranks, so that all ranks have the same bits whatever the library does.
 *
 * ```text
 * world 3       rank 0        rank 1        rank 2
 * values        a0 b0 c0      a1 b1 c1      a2 b2 c2
 * all-to-all    a0 a1 a2      b0 b1 b2      c0 c1 c2
 * summed        a             b             c              a = (a0 + a1) + a2, float32
 * all-gather    a b c         a b c         a b c
 * ```
 * @module
 */
import { bf16ToF32, f32ToBf16 } from "@denotune/denotune/core";

/** How numbers are sent. */
export interface Wire {
  /** Bytes of a number. */
  readonly bytes: number;
  /** The bytes of numbers, which may share their memory. */
  encode(values: Float32Array): ArrayBufferView<ArrayBuffer>;
  decode(bytes: ArrayBuffer): Float32Array;
}

/** All bits. */
export const FLOAT32: Wire = {
  bytes: 4,
  encode: (values) =>
    values.buffer instanceof ArrayBuffer
      ? new Float32Array(values.buffer, values.byteOffset, values.length)
      : new Float32Array(values),
  decode: (bytes) => new Float32Array(bytes),
};

/** The upper 16 bits, rounded to the nearest. */
export const BFLOAT16: Wire = {
  bytes: 2,
  encode: (values) => Uint16Array.from(f32ToBf16(values)),
  decode: (bytes) => bf16ToF32(new Uint16Array(bytes)),
};

/** How gradients of a type are sent. */
export function wireOf(dtype: "float32" | "bfloat16"): Wire {
  return dtype === "bfloat16" ? BFLOAT16 : FLOAT32;
}

/** The sum of the pieces of all ranks (world * share), added by rank (share). */
export function sumOfPieces(
  pieces: Float32Array,
  share: number,
): Float32Array {
  const sum = pieces.slice(0, share);
  for (let from = share; from < pieces.length; from += share) {
    for (let i = 0; i < share; i++) sum[i] += pieces[from + i];
  }
  return sum;
}

/** Numbers that one call sends at most: MPI counts bytes in 32 bits, and copies stay small. */
export const CHUNK: number = 1 << 21;
