/**
 * The Gauss error function in double precision.
 * @module
 */

/** erf(x), to a few units in the last place of a double. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  const z = Math.abs(x);
  const magnitude = z < 3 ? series(z) : z < 6 ? 1 - complement(z) : 1;
  return x < 0 ? -magnitude : magnitude;
}

/** 2/sqrt(pi) e^(-z^2) sum of 2^n z^(2n+1) / (1*3*...*(2n+1)): no term is negative, nothing cancels. */
function series(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

/** erfc(z) = e^(-z^2) / (sqrt(pi) (z + (1/2)/(z + 1/(z + (3/2)/(z + ...))))), from the inside out. */
function complement(z: number): number {
  let fraction = z;
  for (let n = 60; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction);
}
