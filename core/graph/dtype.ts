/**
 * Element types of stored tensors. Arithmetic is always in float32 (float64 on the reference).
 * @module
 */

/** How elements are stored. */
export type DType = "f32" | "i32" | "bf16" | "f16";

/** Bytes of one element. */
export function bytesOf(dtype: DType): number {
  return dtype === "f32" || dtype === "i32" ? 4 : 2;
}
