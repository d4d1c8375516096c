/** How exact numbers are, beside what float32 allows at all. */

/** The error of `found`, root of the mean square, in units of rounding's. */
export function timesRounding(
  found: Float32Array,
  exact: Float64Array,
): number {
  let error = 0, rounding = 0;
  for (const [i, x] of exact.entries()) {
    error += (found[i] - x) ** 2;
    rounding += (Math.fround(x) - x) ** 2;
  }
  return Math.sqrt(error / rounding);
}
