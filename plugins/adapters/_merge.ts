/**
 * Products of the small matrices with the host's numbers: merging, and what follows from the base. All
 * sums are in double precision, and rounded once.
 * @module
 */
import type { LinearSite } from "@denotune/denotune/core";

/** The small matrices of one layer. */
export interface LowRank {
  readonly a: Float32Array; // (r, in)
  readonly b: Float32Array; // (out, r)
  readonly rank: number;
  readonly scale: number;
}

/**
 * W + s B A in the layout of the file, each output times its magnitude over its norm where magnitudes are
 * given.
 */
export function mergedWeight(
  site: LinearSite,
  weight: Float32Array,
  update: LowRank,
  magnitude: Float32Array | null,
): Float32Array {
  const merged = new Float32Array(weight.length);
  const row = new Float64Array(site.in);
  for (let o = 0; o < site.out; o++) {
    addedRow(site, weight, { ...update, output: o }, row);
    const factor = magnitude === null ? 1 : magnitude[o] / norm(row);
    for (let i = 0; i < site.in; i++) {
      merged[offsetOf(site, o, i)] = factor * row[i];
    }
  }
  return merged;
}

/** Norm of each output of W + s B A: (out). */
export function outputNorms(
  site: LinearSite,
  weight: Float32Array,
  update: LowRank | null,
): Float32Array {
  const row = new Float64Array(site.in);
  return Float32Array.from({ length: site.out }, (_, output) => {
    addedRow(site, weight, { ...update, output }, row);
    return norm(row);
  });
}

/** Squares of the norms of W's outputs: (out). */
export function outputSquares(
  site: LinearSite,
  weight: Float32Array,
): Float32Array {
  const squares = new Float64Array(site.out);
  for (let o = 0; o < site.out; o++) {
    for (let i = 0; i < site.in; i++) {
      squares[o] += weight[offsetOf(site, o, i)] ** 2;
    }
  }
  return Float32Array.from(squares);
}

/** Index of (output, input) in the file: Linear keeps (out, in), Conv1D (in, out). */
export function offsetOf(site: LinearSite, o: number, i: number): number {
  return site.layout === "NT" ? o * site.in + i : i * site.out + o;
}

/** One output's weights with the update added: (in). */
function addedRow(
  site: LinearSite,
  weight: Float32Array,
  update: Partial<LowRank> & { output: number },
  row: Float64Array,
): void {
  const { a, b, rank = 0, scale = 0, output } = update;
  for (let i = 0; i < site.in; i++) {
    row[i] = weight[offsetOf(site, output, i)];
  }
  if (a === undefined || b === undefined) return;
  for (let k = 0; k < rank; k++) {
    const factor = scale * b[output * rank + k];
    if (factor === 0) continue;
    const start = k * site.in;
    for (let i = 0; i < site.in; i++) row[i] += factor * a[start + i];
  }
}

function norm(row: Float64Array): number {
  let sum = 0;
  for (const value of row) sum += value * value;
  return Math.sqrt(sum);
}
