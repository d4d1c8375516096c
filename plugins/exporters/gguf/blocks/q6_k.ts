/**
 * Blocks of 256 numbers in sixteen groups of 16, each with a scale of 8 bits: ggml's q6_k, 6.5625 bits a number.
 *
 * ```text
 * 128 bytes: lower 4 bits | 64 bytes: upper 2 bits | 16 x int8: scales | half d        x = d * scale * (q - 32)
 * ```
 *
 * The scale of a group is found by trial, as ggml finds it: 19 scales around x_m / -32, x_m the number of the largest
 * size, each fitted to its rounding by least squares in which a number counts by its square.
 * @module
 */
import {
  type BlockType,
  eachBlock,
  getHalf,
  nearest,
  putHalf,
} from "./block_type.ts";

const f = Math.fround;

/** Below this a group is all zeros. */
const NOTHING = f(1e-15);

/** The scale of 16 numbers. */
function groupScale(x: Float32Array, from: number): number {
  let extreme = 0;
  let size = 0;
  for (let i = 0; i < 16; i++) {
    const s = Math.abs(x[from + i]);
    if (s > size) {
      size = s;
      extreme = x[from + i];
    }
  }
  if (size < NOTHING) return 0;
  let scale = 0;
  let best = 0;
  // the plain one first; the others must be better
  for (let t = 0; t <= 18; t++) {
    const step = t === 0 ? 0 : t <= 9 ? t - 10 : t - 9;
    const inverse = f(-f(32 + f(f(0.1) * step)) / extreme);
    let sumQX = 0;
    let sumQQ = 0;
    for (let i = 0; i < 16; i++) {
      const v = x[from + i];
      const q = Math.max(-32, Math.min(31, nearest(f(inverse * v))));
      const w = f(v * v);
      sumQX = f(sumQX + f(f(w * v) * q));
      sumQQ = f(sumQQ + f(f(w * q) * q));
    }
    if (t === 0) {
      scale = sumQQ > 0 ? f(sumQX / sumQQ) : 0;
      best = f(scale * sumQX);
    } else if (sumQQ > 0 && f(sumQX * sumQX) > f(best * sumQQ)) {
      scale = f(sumQX / sumQQ);
      best = f(scale * sumQX);
    }
  }
  return scale;
}

const scales = new Float32Array(16);
const q256 = new Uint8Array(256);

/** 6 bits, scales of 8 bits. */
export const q6_k: BlockType = {
  name: "q6_k",
  id: 14,
  size: 256,
  bytes: 210,
  relative: 0.04,
  absolute: 128 * 32 * 2 ** -25,
  quantize(x, out) {
    eachBlock(q6_k, x.length, (from, at) => {
      let extreme = 0;
      let size = 0;
      for (let g = 0; g < 16; g++) {
        scales[g] = groupScale(x, from + 16 * g);
        if (Math.abs(scales[g]) > size) {
          size = Math.abs(scales[g]);
          extreme = scales[g];
        }
      }
      if (size < NOTHING) {
        out.fill(0, at, at + 210);
        return;
      }
      const inverse = f(-128 / extreme);
      const d = putHalf(out, at + 208, f(1 / inverse));
      for (let g = 0; g < 16; g++) {
        const whole = Math.min(127, nearest(f(inverse * scales[g])));
        out[at + 192 + g] = whole;
        const scale = f(d * whole);
        for (let i = 16 * g; i < 16 * g + 16; i++) {
          const q = scale === 0 ? 0 : nearest(f(x[from + i] / scale));
          q256[i] = Math.max(-32, Math.min(31, q)) + 32;
        }
      }
      putBits(out, at);
    });
  },
  dequantize(bytes, x) {
    eachBlock(q6_k, x.length, (from, at) => {
      getBits(bytes, at);
      const d = getHalf(bytes, at + 208);
      for (let i = 0; i < 256; i++) {
        const scale = (bytes[at + 192 + (i >> 4)] << 24) >> 24;
        x[from + i] = f(f(d * scale) * (q256[i] - 32));
      }
    });
  },
};

/** A half of a block: four runs of 32 numbers. Runs 1 and 3 share bytes, 2 and 4 do; upper bits of all four are one byte. */
function putBits(out: Uint8Array, at: number): void {
  for (let half = 0; half < 2; half++) {
    const first = 128 * half;
    for (let i = 0; i < 32; i++) {
      const [a, b] = [q256[first + i], q256[first + i + 32]];
      const [c, d] = [q256[first + i + 64], q256[first + i + 96]];
      out[at + 64 * half + i] = (a & 15) | ((c & 15) << 4);
      out[at + 64 * half + i + 32] = (b & 15) | ((d & 15) << 4);
      out[at + 128 + 32 * half + i] = (a >> 4) | ((b >> 4) << 2) |
        ((c >> 4) << 4) | ((d >> 4) << 6);
    }
  }
}

function getBits(bytes: Uint8Array, at: number): void {
  for (let half = 0; half < 2; half++) {
    const first = 128 * half;
    for (let i = 0; i < 32; i++) {
      const upper = bytes[at + 128 + 32 * half + i];
      const ac = bytes[at + 64 * half + i];
      const bd = bytes[at + 64 * half + i + 32];
      q256[first + i] = (ac & 15) | ((upper & 3) << 4);
      q256[first + i + 32] = (bd & 15) | (((upper >> 2) & 3) << 4);
      q256[first + i + 64] = (ac >> 4) | (((upper >> 4) & 3) << 4);
      q256[first + i + 96] = (bd >> 4) | ((upper >> 6) << 4);
    }
  }
}
