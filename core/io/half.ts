/**
 * The two 16-bit floating-point formats, held as bits in a `Uint16Array`, to and from float32. Widening
 * is exact; narrowing rounds to nearest, ties to even, subnormal numbers included. NaN stays NaN,
 * infinity stays infinity.
 * @module
 */

/** float32 of f16 bits, into `out` (as long as `bits`) where given. */
export function f16ToF32(
  bits: Uint16Array,
  out: Float32Array = new Float32Array(bits.length),
): Float32Array {
  sameLength(bits, out);
  const half = new Float16Array(bits.buffer, bits.byteOffset, bits.length);
  for (let i = 0; i < half.length; i++) out[i] = half[i];
  return out;
}

/** f16 bits of float32, into `out` where given. What exceeds 65,504 by half a step or more becomes infinite. */
export function f32ToF16(
  values: Float32Array,
  out: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  sameLength(values, out);
  const half = new Float16Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < values.length; i++) half[i] = values[i];
  return out;
}

/** float32 of bf16 bits (the upper half of a float32's), into `out` where given. */
export function bf16ToF32(
  bits: Uint16Array,
  out: Float32Array = new Float32Array(bits.length),
): Float32Array {
  sameLength(bits, out);
  const wide = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16;
  return out;
}

/** bf16 bits of float32, into `out` where given. */
export function f32ToBf16(
  values: Float32Array,
  out: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  sameLength(values, out);
  const wide = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < wide.length; i++) {
    const x = wide[i];
    out[i] = (x & 0x7fffffff) > 0x7f800000
      ? (x >>> 16) | 0x40 // a NaN whose payload is in the lower half would else become infinite
      : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return out;
}

function sameLength(
  from: { readonly length: number },
  to: { readonly length: number },
): void {
  if (from.length !== to.length) {
    throw new RangeError(
      `Cannot convert ${from.length} values into an array of ${to.length}`,
    );
  }
}
