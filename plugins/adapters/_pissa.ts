/**
 * PiSSA (arXiv:2404.02948): the update starts as the part of the weight along its largest singular
 * vectors, and the weight keeps the rest.
 * @module
 */
import { randomFrom } from "@denotune/denotune/core";
import { offsetOf } from "./_merge.ts";
import type { Target } from "./_targets.ts";

/** Start of an update, and what is left of the weight. */
export interface Principal {
  readonly a: Float32Array; // (r, in)
  readonly b: Float32Array; // (out, r)
  readonly residual: Float32Array; // in the layout of the file
}

/** Vectors beyond the rank, which make the iteration fast. */
const OVERSAMPLING = 8;
/** Where the iteration stops: change of a direction between two rounds, squared. */
const TOLERANCE = 1e-14;
const MOST_ROUNDS = 1000;

/**
 * The first `rank` singular vectors of W / scale, shared out between A and B by the roots of the singular
 * values. Found by subspace iteration in double precision from a fixed start: a function of the weight.
 */
export function principal(target: Target, weight: Float32Array): Principal {
  const { site, rank, scale } = target;
  const [m, n] = [site.out, site.in];
  const k = Math.min(rank + OVERSAMPLING, m, n);
  const w = new Float64Array(m * n); // (out, in)
  for (let o = 0; o < m; o++) {
    for (let i = 0; i < n; i++) w[o * n + i] = weight[offsetOf(site, o, i)];
  }
  const random = randomFrom(m, n, rank);
  // columns of V as rows: (k, in); of U: (k, out)
  let v = orthonormal(
    Float64Array.from({ length: k * n }, () => random.normal()),
    k,
    n,
  );
  let u = new Float64Array(k * m);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    u = orthonormal(timesTransposed(v, w, { k, m, n }), k, m);
    const next = rotate(timesPlain(u, w, { k, m, n }), k, n);
    const change = distance(v, next.vectors, rank, n);
    v = next.vectors;
    if (change < TOLERANCE) break;
  }
  // with V right, W V = U S
  const image = timesTransposed(v, w, { k, m, n });
  const a = new Float32Array(rank * n);
  const b = new Float32Array(m * rank);
  const residual = Float32Array.from(weight);
  for (let r = 0; r < rank; r++) {
    const left = image.subarray(r * m, (r + 1) * m);
    const right = v.subarray(r * n, (r + 1) * n);
    const sigma = Math.sqrt(dot(left, left));
    const root = Math.sqrt(sigma / scale);
    for (let i = 0; i < n; i++) a[r * n + i] = root * right[i];
    for (let o = 0; o < m; o++) {
      b[o * rank + r] = sigma === 0 ? 0 : root * left[o] / sigma;
    }
  }
  for (let o = 0; o < m; o++) {
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += b[o * rank + r] * a[r * n + i];
      residual[offsetOf(site, o, i)] = w[o * n + i] - scale * sum;
    }
  }
  return { a, b, residual };
}

type Sizes = { k: number; m: number; n: number };

/** V W^T: (k, in) by (out, in) -> (k, out). */
function timesTransposed(
  v: Float64Array,
  w: Float64Array,
  { k, m, n }: Sizes,
): Float64Array {
  const out = new Float64Array(k * m);
  for (let o = 0; o < m; o++) {
    const row = w.subarray(o * n, (o + 1) * n);
    for (let j = 0; j < k; j++) {
      out[j * m + o] = dot(v.subarray(j * n, (j + 1) * n), row);
    }
  }
  return out;
}

/** U W: (k, out) by (out, in) -> (k, in). */
function timesPlain(
  u: Float64Array,
  w: Float64Array,
  { k, m, n }: Sizes,
): Float64Array {
  const out = new Float64Array(k * n);
  for (let o = 0; o < m; o++) {
    const row = w.subarray(o * n, (o + 1) * n);
    for (let j = 0; j < k; j++) {
      const factor = u[j * m + o];
      const target = out.subarray(j * n, (j + 1) * n);
      for (let i = 0; i < n; i++) target[i] += factor * row[i];
    }
  }
  return out;
}

/** Gram-Schmidt, twice, over the rows of x (k, n): in place. */
function orthonormal(
  x: Float64Array,
  k: number,
  n: number,
): Float64Array<ArrayBuffer> {
  const out = Float64Array.from(x);
  for (let j = 0; j < k; j++) {
    const row = out.subarray(j * n, (j + 1) * n);
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < j; i++) {
        const before = out.subarray(i * n, (i + 1) * n);
        const part = dot(row, before);
        for (let c = 0; c < n; c++) row[c] -= part * before[c];
      }
    }
    const length = Math.sqrt(dot(row, row));
    for (let c = 0; c < n; c++) row[c] = length === 0 ? 0 : row[c] / length;
  }
  return out;
}

/**
 * Turns the rows of x (k, n) among themselves until they are orthogonal (Jacobi's one-sided rotations),
 * longest first, and gives them length 1.
 */
function rotate(
  x: Float64Array,
  k: number,
  n: number,
): { vectors: Float64Array<ArrayBuffer> } {
  const rows = Array.from(
    { length: k },
    (_, j) => Float64Array.from(x.subarray(j * n, (j + 1) * n)),
  );
  for (let sweep = 0; sweep < 30; sweep++) {
    let turned = false;
    for (let p = 0; p < k; p++) {
      for (let q = p + 1; q < k; q++) {
        const [a, b] = [rows[p], rows[q]];
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.abs(ab) <= 1e-15 * Math.sqrt(aa * bb)) continue;
        turned = true;
        const zeta = (bb - aa) / (2 * ab);
        const t = (zeta < 0 ? -1 : 1) /
          (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        const s = c * t;
        for (let i = 0; i < n; i++) {
          const [x, y] = [a[i], b[i]];
          a[i] = c * x - s * y;
          b[i] = s * x + c * y;
        }
      }
    }
    if (!turned) break;
  }
  rows.sort((a, b) => dot(b, b) - dot(a, a));
  const vectors = new Float64Array(k * n);
  rows.forEach((row, j) => {
    const length = Math.sqrt(dot(row, row));
    for (let i = 0; i < n; i++) {
      vectors[j * n + i] = length === 0 ? 0 : row[i] / length;
    }
  });
  return { vectors };
}

/** How far the first `rank` directions moved: largest squared part of a new one outside of the old ones. */
function distance(
  before: Float64Array,
  after: Float64Array,
  rank: number,
  n: number,
): number {
  let most = 0;
  for (let j = 0; j < rank; j++) {
    const row = after.subarray(j * n, (j + 1) * n);
    const own = dot(row, before.subarray(j * n, (j + 1) * n));
    if (own !== 0 || dot(row, row) !== 0) most = Math.max(most, 1 - own * own);
  }
  return most;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
