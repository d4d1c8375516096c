/**
 * Blocks of 256 numbers in eight groups of 32, each with a scale and a smallest number of its own: ggml's q4_k and
 * q5_k. Scales and minima of the groups are 6 bits each, counted in a float16 that the block shares.
 *
 * ```text
 * q4_k   half d | half m | 12 bytes: 8 scales, 8 minima |                       128 bytes: two numbers a byte
 * q5_k   half d | half m | 12 bytes                     | 32 bytes: fifth bits | 128 bytes
 *
 * x = d * scale * q - m * minimum
 * ```
 *
 * The scale of a group is found by trial, as ggml finds it: the numbers are rounded under some twenty scales around
 * (max - min) / steps, scale and minimum are fitted to each rounding by least squares, in which large numbers count
 * more, and the best of them is kept. All sums are in float32 and in ggml's order, so that the blocks are the same.
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

/** How a type searches: scales from (steps + first) / range on, `tries` times `by` further. */
interface Search {
  /** Largest q. */
  readonly steps: number;
  readonly first: number;
  readonly by: number;
  readonly tries: number;
}

/** Room for one group: its numbers, a rounding of them, their weights. */
const group = new Float32Array(32);
const tried = new Float32Array(32);
const weight = new Float32Array(32);
const fitted = { scale: 0, least: 0 };

/** Finds scale and minimum (as a number that is subtracted, 0 or more) of 32 numbers; into `fitted`. */
function fitGroup(x: Float32Array, from: number, search: Search): void {
  const { steps } = search;
  let squares = 0;
  for (let i = 0; i < 32; i++) {
    const v = x[from + i];
    group[i] = v;
    squares = f(squares + f(v * v));
  }
  const mean = f(Math.sqrt(f(squares / 32)));
  let least = group[0];
  let most = group[0];
  let sumW = 0;
  let sumX = 0;
  for (let i = 0; i < 32; i++) {
    const v = group[i];
    const w = f(mean + Math.abs(v));
    weight[i] = w;
    if (v < least) least = v;
    if (v > most) most = v;
    sumW = f(sumW + w);
    sumX = f(sumX + f(w * v));
  }
  if (least > 0) least = 0;
  fitted.least = -least;
  fitted.scale = 0;
  if (most === least) return;

  let inverse = f(steps / f(most - least));
  let scale = f(1 / inverse);
  let best = 0;
  for (let i = 0; i < 32; i++) {
    const v = group[i];
    const q = Math.max(0, Math.min(steps, nearest(f(inverse * f(v - least)))));
    const off = f(f(f(scale * q) + least) - v);
    best = f(best + f(weight[i] * f(off * off)));
  }
  for (let t = 0; t <= search.tries; t++) {
    // from the least number found so far, as in ggml
    inverse = f(
      f(f(search.first + f(search.by * t)) + steps) / f(most - least),
    );
    let sumQ = 0;
    let sumQQ = 0;
    let sumQX = 0;
    for (let i = 0; i < 32; i++) {
      const v = group[i];
      let q = f(f(f(inverse * f(v - least)) + 12582912) - 12582912);
      if (q < 0) q = 0;
      else if (q > steps) q = steps;
      tried[i] = q;
      const wq = f(weight[i] * q);
      sumQ = f(sumQ + wq);
      sumQQ = f(sumQQ + f(wq * q));
      sumQX = f(sumQX + f(wq * v));
    }
    const determinant = f(f(sumW * sumQQ) - f(sumQ * sumQ));
    if (!(determinant > 0)) continue;
    let ownScale = f(f(f(sumW * sumQX) - f(sumX * sumQ)) / determinant);
    let ownLeast = f(f(f(sumQQ * sumX) - f(sumQ * sumQX)) / determinant);
    if (ownLeast > 0) {
      ownLeast = 0;
      ownScale = f(sumQX / sumQQ);
    }
    let error = 0;
    for (let i = 0; i < 32; i++) {
      const off = f(f(f(ownScale * tried[i]) + ownLeast) - group[i]);
      error = f(error + f(weight[i] * f(off * off)));
    }
    if (error < best) {
      best = error;
      scale = ownScale;
      least = ownLeast;
    }
  }
  fitted.scale = scale;
  fitted.least = -least;
}

const scales = new Float32Array(8);
const minima = new Float32Array(8);
const q256 = new Uint8Array(256);

/** Scales and minima of a block at `at` (d, m, 12 bytes), and its q in `q256`. */
function putBlock(
  x: Float32Array,
  from: number,
  { out, at, search }: {
    readonly out: Uint8Array;
    readonly at: number;
    readonly search: Search;
  },
): void {
  let largestScale = 0;
  let largestMinimum = 0;
  for (let g = 0; g < 8; g++) {
    fitGroup(x, from + 32 * g, search);
    scales[g] = fitted.scale;
    minima[g] = fitted.least;
    if (scales[g] > largestScale) largestScale = scales[g];
    if (minima[g] > largestMinimum) largestMinimum = minima[g];
  }
  const perScale = largestScale > 0 ? f(63 / largestScale) : 0;
  const perMinimum = largestMinimum > 0 ? f(63 / largestMinimum) : 0;
  out.fill(0, at + 4, at + 16);
  for (let g = 0; g < 8; g++) {
    putPair(out, at + 4, {
      group: g,
      scale: Math.max(0, Math.min(63, nearest(f(perScale * scales[g])))),
      minimum: Math.max(0, Math.min(63, nearest(f(perMinimum * minima[g])))),
    });
  }
  const d = putHalf(out, at, f(largestScale / 63));
  const m = putHalf(out, at + 2, f(largestMinimum / 63));
  for (let g = 0; g < 8; g++) {
    const scale = f(d * scaleOf(out, at + 4, g));
    const minimum = f(m * minimumOf(out, at + 4, g));
    for (let i = 0; i < 32; i++) {
      const q = scale === 0
        ? 0
        : nearest(f(f(x[from + 32 * g + i] + minimum) / scale));
      q256[32 * g + i] = Math.max(0, Math.min(search.steps, q));
    }
  }
}

/** The first four groups have a byte each for scale and minimum, whose upper two bits belong to the last four. */
function putPair(
  out: Uint8Array,
  at: number,
  { group: g, scale, minimum }: {
    readonly group: number;
    readonly scale: number;
    readonly minimum: number;
  },
): void {
  if (g < 4) {
    out[at + g] |= scale;
    out[at + 4 + g] |= minimum;
  } else {
    out[at + 4 + g] |= (scale & 15) | ((minimum & 15) << 4);
    out[at + g - 4] |= (scale >> 4) << 6;
    out[at + g] |= (minimum >> 4) << 6;
  }
}

function scaleOf(bytes: Uint8Array, at: number, g: number): number {
  return g < 4
    ? bytes[at + g] & 63
    : (bytes[at + 4 + g] & 15) | ((bytes[at + g - 4] >> 6) << 4);
}

function minimumOf(bytes: Uint8Array, at: number, g: number): number {
  return g < 4
    ? bytes[at + 4 + g] & 63
    : (bytes[at + 4 + g] >> 4) | ((bytes[at + g] >> 6) << 4);
}

/** Numbers of a block from its scales and `q256`. */
function getBlock(
  bytes: Uint8Array,
  at: number,
  { x, from }: { readonly x: Float32Array; readonly from: number },
): void {
  const d = getHalf(bytes, at);
  const m = getHalf(bytes, at + 2);
  for (let g = 0; g < 8; g++) {
    const scale = f(d * scaleOf(bytes, at + 4, g));
    const minimum = f(m * minimumOf(bytes, at + 4, g));
    for (let i = 32 * g; i < 32 * g + 32; i++) {
      x[from + i] = f(scale * q256[i]) - minimum;
    }
  }
}

const FOUR_BITS: Search = { steps: 15, first: -1, by: f(0.1), tries: 20 };
const FIVE_BITS: Search = { steps: 31, first: -0.5, by: f(0.1), tries: 15 };

/** 4 bits, scales and minima of 6 bits: 4.5 bits a number. */
export const q4_k: BlockType = {
  name: "q4_k",
  id: 12,
  size: 256,
  bytes: 144,
  relative: 0.16,
  // the smallest steps of d and m, as often as they are taken
  absolute: 63 * 16 * 2 ** -25,
  quantize(x, out) {
    eachBlock(q4_k, x.length, (from, at) => {
      putBlock(x, from, { out, at, search: FOUR_BITS });
      for (let i = 0; i < 128; i++) {
        // 32 bytes hold two groups: one below, the next above
        const low = 64 * (i >> 5) + (i & 31);
        out[at + 16 + i] = q256[low] | (q256[low + 32] << 4);
      }
    });
  },
  dequantize(bytes, x) {
    eachBlock(q4_k, x.length, (from, at) => {
      for (let i = 0; i < 128; i++) {
        const low = 64 * (i >> 5) + (i & 31);
        q256[low] = bytes[at + 16 + i] & 15;
        q256[low + 32] = bytes[at + 16 + i] >> 4;
      }
      getBlock(bytes, at, { x, from });
    });
  },
};

/** 5 bits, scales and minima of 6 bits: 5.5 bits a number. */
export const q5_k: BlockType = {
  name: "q5_k",
  id: 13,
  size: 256,
  bytes: 176,
  relative: 0.1,
  absolute: 63 * 32 * 2 ** -25,
  quantize(x, out) {
    eachBlock(q5_k, x.length, (from, at) => {
      putBlock(x, from, { out, at, search: FIVE_BITS });
      out.fill(0, at + 16, at + 48);
      for (let i = 0; i < 128; i++) {
        const pair = i >> 5;
        const low = 64 * pair + (i & 31);
        const [a, b] = [q256[low], q256[low + 32]];
        out[at + 48 + i] = (a & 15) | ((b & 15) << 4);
        out[at + 16 + (i & 31)] |= ((a >> 4) << (2 * pair)) |
          ((b >> 4) << (2 * pair + 1));
      }
    });
  },
  dequantize(bytes, x) {
    eachBlock(q5_k, x.length, (from, at) => {
      for (let i = 0; i < 128; i++) {
        const pair = i >> 5;
        const low = 64 * pair + (i & 31);
        const fifth = bytes[at + 16 + (i & 31)] >> (2 * pair);
        q256[low] = (bytes[at + 48 + i] & 15) | ((fifth & 1) << 4);
        q256[low + 32] = (bytes[at + 48 + i] >> 4) | ((fifth & 2) << 3);
      }
      getBlock(bytes, at, { x, from });
    });
  },
};
