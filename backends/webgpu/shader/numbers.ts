/**
 * Numbers in WGSL.
 * @module
 */

/** A float32 literal that reads back to the same bits; infinities and NaN by their bits. */
export function f32Text(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) {
    const bits = new Uint32Array(Float32Array.of(rounded).buffer)[0];
    return `bitcast<f32>(${bits}u)`;
  }
  if (Object.is(rounded, -0)) return "-0.0f";
  // Seventeen digits, so that the shader's parser rounds the double itself.
  const text = String(rounded);
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** `0 <= i < n` unrolled: the texts, line by line. */
export function each(n: number, text: (i: number) => string): string {
  return Array.from({ length: n }, (_, i) => text(i)).join("\n");
}

/** The smallest power of two that is at least `n`. */
export function powerOfTwo(n: number): number {
  let p = 1;
  while (p < n) p *= 2;
  return p;
}
