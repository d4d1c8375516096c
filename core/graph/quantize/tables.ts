/**
 * The numbers that 4-bit and 8-bit codes represent in `nf4`.
 * @module
 */

/**
 * The levels of NormalFloat (QLoRA, arXiv:2305.14314, appendix E), as float32: quantiles of a normal
 * distribution, scaled to [-1, 1], with a zero.
 */
export const NF4_LEVELS: readonly number[] = [
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
];

/**
 * The dynamic map of 8 bits (arXiv:1511.04561), ascending, as bitsandbytes makes it in float32: for each of
 * 7 powers of ten, 2^i means of neighbouring points of [0.1, 1], both signs; zero and one. (256)
 */
export function dynamicMap(): Float32Array {
  const values = [0, 1];
  for (let i = 0; i < 7; i++) {
    const power = Math.fround(10 ** (i - 6));
    const points = linspace(0.1, 1, 2 ** i + 1);
    for (let j = 0; j + 1 < points.length; j++) {
      const mean = Math.fround(points[j] + points[j + 1]) / 2;
      values.push(power * mean, -power * mean);
    }
  }
  return Float32Array.from(values).sort();
}

/** Points at equal distances in float32, from both ends to the middle: each rounded once. */
function linspace(from: number, to: number, count: number): Float32Array {
  const [start, end] = [Math.fround(from), Math.fround(to)];
  const step = Math.fround(Math.fround(end - start) / (count - 1));
  return Float32Array.from(
    { length: count },
    (_, j) =>
      j < Math.floor(count / 2)
        ? start + step * j
        : end - step * (count - 1 - j),
  );
}
