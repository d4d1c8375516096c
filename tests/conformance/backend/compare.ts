/**
 * How close is close enough. A float32 has a relative rounding error of at most 6e-8 (2^-24); every
 * tolerance is that, times what an honest float32 kernel may lose, and far below what an error of the
 * formula, of an index or of a 16-bit intermediate (4e-4 and more) would give.
 * @module
 */
import assert from "node:assert/strict";

/** How an output is compared with the reference's. */
export type Tolerance =
  /** The same numbers: what only moves elements, integers, and `random`. */
  | { readonly kind: "exact" }
  /** relative * |expected| + absolute, element by element: functions of a few inputs. */
  | {
    readonly kind: "element";
    readonly relative: number;
    readonly absolute: number;
  }
  /**
   * relative * the sum of the magnitudes of all terms, as the reference finds them from the magnitudes of
   * the data: sums of products, whatever cancels in them and in whatever order they are added.
   */
  | { readonly kind: "terms"; readonly relative: number }
  /**
   * relative * the largest magnitude of the whole output: for what is a weighed mean or a gradient through
   * one, where an element may be the small rest of large ones.
   */
  | { readonly kind: "largest"; readonly relative: number };

/** The same numbers. */
export const EXACT: Tolerance = { kind: "exact" };

/**
 * Elementwise functions: a few roundings, and polynomials for exp, log, tanh, erf that are good to some
 * 1e-6; near a zero of the function only the absolute error can be small.
 */
export const ELEMENT: Tolerance = {
  kind: "element",
  relative: 1e-5,
  absolute: 2e-6,
};

/** Sums of up to some thousand terms: a plain running sum of n terms of one sign loses 6e-8 * sqrt(n / 3) or so. */
export const SUM: Tolerance = { kind: "terms", relative: 4e-6 };

/** Softmax, attention and gradients: scores of magnitude 10 lose 1e-6 before the exponential. */
export const MEAN: Tolerance = { kind: "largest", relative: 2e-5 };

/** Asserts that all numbers are close; says how many are not, and shows the worst. */
export function assertClose(
  found: Float64Array,
  expected: Float64Array,
  { tolerance, terms, where }: {
    tolerance: Tolerance;
    terms: Float64Array;
    where: string;
  },
): void {
  assert.equal(found.length, expected.length, where);
  const largest = expected.reduce(
    (m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m,
    0,
  );
  let bad = 0;
  let worst = -1;
  let worstRatio = 0;
  for (let i = 0; i < found.length; i++) {
    if (Object.is(found[i], expected[i]) || found[i] === expected[i]) continue;
    const ratio = Math.abs(found[i] - expected[i]) /
      allowed(tolerance, { expected: expected[i], terms: terms[i], largest });
    if (ratio <= 1) continue; // NaN is not
    bad++;
    if (worst < 0 || !(ratio <= worstRatio)) {
      worst = i;
      worstRatio = ratio;
    }
  }
  if (bad > 0) {
    assert.fail(
      `${where}: ${bad} of ${found.length} elements differ, worst [${worst}]: found ${
        found[worst]
      }, expected ${expected[worst]} (${
        worstRatio.toPrecision(3)
      } times the tolerance)`,
    );
  }
}

function allowed(
  tolerance: Tolerance,
  { expected, terms, largest }: {
    expected: number;
    terms: number;
    largest: number;
  },
): number {
  switch (tolerance.kind) {
    case "exact":
      return 0;
    case "element":
      return tolerance.relative * Math.abs(expected) + tolerance.absolute;
    case "terms":
      return tolerance.relative * terms;
    case "largest":
      return tolerance.relative * largest;
  }
}
