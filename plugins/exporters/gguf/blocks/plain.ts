/**
 * Numbers stored one by one: float32, float16 and bfloat16.
 * @module
 */
import {
  bf16ToF32,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
} from "@denotune/denotune/core";
import type { BlockType } from "./block_type.ts";

/** The bytes of numbers as numbers of another kind: a copy where they do not begin at a multiple of `size`. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

function bytesOf(values: Uint16Array | Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function halves(bytes: Uint8Array): Uint16Array {
  const whole = aligned(bytes, 2);
  return new Uint16Array(whole.buffer, whole.byteOffset, whole.length / 2);
}

/** float32. */
export const f32: BlockType = {
  name: "f32",
  id: 0,
  size: 1,
  bytes: 4,
  relative: 0,
  absolute: 0,
  quantize: (x, out) => out.set(bytesOf(x)),
  dequantize(bytes, x) {
    const whole = aligned(bytes, 4);
    x.set(new Float32Array(whole.buffer, whole.byteOffset, x.length));
  },
};

/** float16: 11 bits, and steps of 2^-24 below 2^-14. */
export const f16: BlockType = {
  name: "f16",
  id: 1,
  size: 1,
  bytes: 2,
  relative: 2 ** -11,
  absolute: 2 ** -25,
  quantize: (x, out) => out.set(bytesOf(f32ToF16(x))),
  dequantize: (bytes, x) => void f16ToF32(halves(bytes), x),
};

/** bfloat16: 8 bits. */
export const bf16: BlockType = {
  name: "bf16",
  id: 30,
  size: 1,
  bytes: 2,
  relative: 2 ** -8,
  absolute: 0,
  quantize: (x, out) => out.set(bytesOf(f32ToBf16(x))),
  dequantize: (bytes, x) => void bf16ToF32(halves(bytes), x),
};
