/**
 * bfloat16: the upper half of a float32.
 * @module
 */

/** The 16 bits of numbers: to float32 first, then to nearest, ties to even. NaN stays NaN. */
export function bf16From(values: Float64Array): Uint16Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  return Uint16Array.from(
    bits,
    (b, i) =>
      Number.isNaN(values[i])
        ? (b >>> 16) | 0x40 // quiet: the payload may be in the lost half
        : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16,
  ); // below 2^32: only a NaN could overflow
}

/** The numbers of 16 bits each. */
export function fromBf16(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer);
}
