/**
 * Blocks of 32 numbers with one scale, as ggml rounds them.
 *
 * ```text
 * q8_0   half d | 32 x int8             x = d * q            d = max |x| / 127
 * q4_0   half d | 16 bytes              x = d * (q - 8)      d = x_m / -8, x_m the number of the largest size
 * q5_0   half d | 32 bits | 16 bytes    x = d * (q - 16)     d = x_m / -16; the 32 bits are the fifth of each q
 * ```
 *
 * Byte i of the 16 has number i below and number 16 + i above.
 * @module
 */
import { type BlockType, eachBlock, getHalf, putHalf } from "./block_type.ts";

const f = Math.fround;

/** 8 bits and a scale. */
export const q8_0: BlockType = {
  name: "q8_0",
  id: 8,
  size: 32,
  bytes: 34,
  // half a step, and the scale's own rounding over 127 steps
  relative: 0.5 / 127 + 2 ** -11,
  absolute: 127 * 2 ** -25,
  quantize(x, out) {
    eachBlock(q8_0, x.length, (from, at) => {
      let largest = 0;
      for (let i = 0; i < 32; i++) {
        largest = Math.max(largest, Math.abs(x[from + i]));
      }
      const d = f(largest / 127);
      const inverse = d === 0 ? 0 : f(1 / d);
      putHalf(out, at, d);
      for (let i = 0; i < 32; i++) {
        const scaled = f(x[from + i] * inverse);
        // halves are rounded away from zero
        const size = Math.floor(Math.abs(scaled) + 0.5);
        out[at + 2 + i] = scaled < 0 ? -size : size;
      }
    });
  },
  dequantize(bytes, x) {
    eachBlock(q8_0, x.length, (from, at) => {
      const d = getHalf(bytes, at);
      for (let i = 0; i < 32; i++) {
        x[from + i] = d * ((bytes[at + 2 + i] << 24) >> 24);
      }
    });
  },
};

/** The scale of a block whose number of the largest size becomes `-half`; rounded to nearest around `half`. */
function signedScale(x: Float32Array, from: number, half: number): number {
  let size = 0;
  let extreme = 0;
  for (let i = 0; i < 32; i++) {
    const value = x[from + i];
    if (Math.abs(value) > size) {
      size = Math.abs(value);
      extreme = value;
    }
  }
  return f(extreme / -half);
}

/** 4 bits and a scale. */
export const q4_0: BlockType = {
  name: "q4_0",
  id: 2,
  size: 32,
  bytes: 18,
  // 8 steps on one side and 7 on the other: a whole step at the short end
  relative: 1 / 8 + 2 ** -11,
  absolute: 8 * 2 ** -25,
  quantize(x, out) {
    eachBlock(q4_0, x.length, (from, at) => {
      const d = signedScale(x, from, 8);
      const inverse = d === 0 ? 0 : f(1 / d);
      putHalf(out, at, d);
      const of = (i: number) =>
        Math.min(15, Math.trunc(f(f(x[from + i] * inverse) + 8.5)));
      for (let i = 0; i < 16; i++) {
        out[at + 2 + i] = of(i) | (of(16 + i) << 4);
      }
    });
  },
  dequantize(bytes, x) {
    eachBlock(q4_0, x.length, (from, at) => {
      const d = getHalf(bytes, at);
      for (let i = 0; i < 16; i++) {
        const both = bytes[at + 2 + i];
        x[from + i] = d * ((both & 15) - 8);
        x[from + 16 + i] = d * ((both >> 4) - 8);
      }
    });
  },
};

/** 5 bits and a scale: where a row is no multiple of 256, and q4_k is not possible. */
export const q5_0: BlockType = {
  name: "q5_0",
  id: 6,
  size: 32,
  bytes: 22,
  relative: 1 / 16 + 2 ** -11,
  absolute: 16 * 2 ** -25,
  quantize(x, out) {
    eachBlock(q5_0, x.length, (from, at) => {
      const d = signedScale(x, from, 16);
      const inverse = d === 0 ? 0 : f(1 / d);
      putHalf(out, at, d);
      const of = (i: number) =>
        Math.min(31, Math.trunc(f(f(x[from + i] * inverse) + 16.5)));
      let fifth = 0;
      for (let i = 0; i < 16; i++) {
        const [low, high] = [of(i), of(16 + i)];
        out[at + 6 + i] = (low & 15) | ((high & 15) << 4);
        fifth |= ((low >> 4) << i) | ((high >> 4) << (16 + i));
      }
      for (let b = 0; b < 4; b++) out[at + 2 + b] = fifth >>> (8 * b);
    });
  },
  dequantize(bytes, x) {
    eachBlock(q5_0, x.length, (from, at) => {
      const d = getHalf(bytes, at);
      const fifth = bytes[at + 2] | (bytes[at + 3] << 8) |
        (bytes[at + 4] << 16) | (bytes[at + 5] << 24);
      for (let i = 0; i < 16; i++) {
        const both = bytes[at + 6 + i];
        const low = (both & 15) | (((fifth >>> i) & 1) << 4);
        const high = (both >> 4) | (((fifth >>> (16 + i)) & 1) << 4);
        x[from + i] = d * (low - 16);
        x[from + 16 + i] = d * (high - 16);
      }
    });
  },
};
