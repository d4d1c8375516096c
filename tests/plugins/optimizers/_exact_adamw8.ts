/**
 * AdamW with its states in 8 bits, in float64, as arXiv:2110.02861 and arXiv:1711.05101 write it: read both states,
 * step, divide each block by its largest magnitude, and take the nearest number of the map. Plain loops, and nothing
 * shared with what is tested.
 * @module
 */

const BLOCK = 256;

/** Numbers of a step and of its optimizer. */
export interface ExactStep {
  readonly step: number;
  readonly learningRate: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** Share of a weight that is taken away, times the learning rate; 0 for tensors that do not decay. */
  readonly decay: number;
}

/** A state in blocks: places in its map, ascending from 0, and the largest magnitude of each block. */
export interface ExactState {
  readonly codes: ArrayLike<number>;
  readonly absmax: ArrayLike<number>;
}

/** A new state before it is rounded, and what float32 may make of it. */
export interface ExactShares {
  /** Each number as a share of its block's largest magnitude; 0 where that is 0. */
  readonly shares: Float64Array;
  readonly absmax: Float64Array;
  /** By how much a share computed in float32 may be off, because its two terms were rounded. */
  readonly rounding: Float64Array;
  /** The same for the largest magnitudes. */
  readonly absmaxRounding: Float64Array;
}

/** What a step gives. */
export interface ExactResult {
  readonly parameter: Float64Array;
  /** By how much a parameter computed in float32 may be off. */
  readonly rounding: Float64Array;
  readonly mean: ExactShares;
  readonly square: ExactShares;
}

/** The numbers that codes mean, as the paper's figure has them: ascending, the signed ones for the mean. */
export const MAPS: {
  readonly mean: readonly number[];
  readonly square: readonly number[];
} = { mean: dynamicMap(true), square: dynamicMap(false) };

/**
 * Numbers of one to seven digits below the point: [0.1, 1] in equal parts, of which the middles count, times a power
 * of ten. One bit more of exponent leaves half as many parts. Then 0 and 1.
 */
function dynamicMap(signed: boolean): number[] {
  const found = [0, 1];
  for (let level = 0; level < 7; level++) {
    const parts = 2 ** (signed ? level : level + 1);
    for (let j = 0; j < parts; j++) {
      const from = 0.1 + 0.9 * j / parts;
      const to = 0.1 + 0.9 * (j + 1) / parts;
      const middle = (from + to) / 2 * 10 ** (level - 6);
      found.push(middle, ...(signed ? [-middle] : []));
    }
  }
  return found.sort((a, b) => a - b);
}

/** Roundings of float32 in a row: a share of each term of a sum that may get lost. */
const FLOAT32 = 2 ** -24 * 16;

/** Smallest number that float32 holds with all its digits: below, roundings are as large as this one's. */
const SMALLEST = 2 ** -126;

/** One step of one tensor. */
export function exactStep(
  { parameter, gradient, mean, square }: {
    readonly parameter: ArrayLike<number>;
    readonly gradient: ArrayLike<number>;
    readonly mean: ExactState;
    readonly square: ExactState;
  },
  { step, learningRate, betas: [b1, b2], eps, decay }: ExactStep,
): ExactResult {
  const n = parameter.length;
  const means = new Float64Array(n);
  const squares = new Float64Array(n);
  const meanTerms = new Float64Array(n);
  const after = new Float64Array(n);
  const rounding = new Float64Array(n);
  const size = learningRate / (1 - b1 ** step);
  for (let i = 0; i < n; i++) {
    const block = Math.floor(i / BLOCK);
    const m = MAPS.mean[mean.codes[i]] * mean.absmax[block];
    const v = MAPS.square[square.codes[i]] * square.absmax[block];
    const g = gradient[i];
    means[i] = b1 * m + (1 - b1) * g;
    meanTerms[i] = Math.abs(b1 * m) + Math.abs((1 - b1) * g);
    squares[i] = b2 * v + (1 - b2) * g * g;
    const divisor = Math.sqrt(squares[i]) / Math.sqrt(1 - b2 ** step) + eps;
    const kept = parameter[i] * (1 - learningRate * decay);
    after[i] = kept - size * means[i] / divisor;
    rounding[i] = FLOAT32 *
      (Math.abs(parameter[i]) + size * meanTerms[i] / divisor);
  }
  return {
    parameter: after,
    rounding,
    mean: sharesOf(means, meanTerms),
    square: sharesOf(squares, squares),
  };
}

/** `terms`: of each number, the magnitudes of the two terms that it is the sum of. */
function sharesOf(values: Float64Array, terms: Float64Array): ExactShares {
  const absmax = new Float64Array(values.length / BLOCK);
  const largestTerms = new Float64Array(values.length / BLOCK);
  values.forEach((x, i) => {
    const block = Math.floor(i / BLOCK);
    absmax[block] = Math.max(absmax[block], Math.abs(x));
    largestTerms[block] = Math.max(largestTerms[block], terms[i], SMALLEST);
  });
  const shares = values.map((x, i) => {
    const largest = absmax[Math.floor(i / BLOCK)];
    return largest === 0 ? 0 : x / largest;
  });
  const rounding = terms.map((t, i) => {
    const block = Math.floor(i / BLOCK);
    const off = Math.max(t, SMALLEST) +
      Math.abs(shares[i]) * largestTerms[block];
    return absmax[block] === 0 ? 0 : FLOAT32 * off / absmax[block];
  });
  return {
    shares,
    absmax,
    rounding,
    absmaxRounding: largestTerms.map((t) => FLOAT32 * t),
  };
}

/** Distance of a share from the nearest number of a map. */
export function nearest(share: number, map: readonly number[]): number {
  let [low, high] = [0, map.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (map[middle] <= share) low = middle;
    else high = middle;
  }
  return Math.min(Math.abs(share - map[low]), Math.abs(share - map[high]));
}
