/**
 * Element types of stored tensors. Arithmetic is always in float32 (float64 on the reference).
 * @module
 */

/** Storage of factors of products in 16 bits. */
export type HalfStorage = "bf16" | "f16";

/** How elements are stored. `i8` is read and written by `copy` alone. */
export type DType = "f32" | "i32" | "bf16" | "f16" | "i8";

/**
 * Storage of a frozen matrix in 8 or 4 bits an element: `int8`, a scale for each row, and `nf4`, blocks
 * of 64 on the levels of NormalFloat. `core/graph/quantize/layout.ts` has the layout.
 */
export type Quantization = "int8" | "nf4";

/** Every quantised storage. */
export const QUANTIZATIONS: readonly Quantization[] = ["int8", "nf4"];

/** Storage of a tensor of a graph. Views of a plan have a {@linkcode DType}: quantised ones are i32 words there. */
export type TensorDType = DType | Quantization;

/** Whether a storage is quantised. */
export function isQuantized(dtype: TensorDType): dtype is Quantization {
  return dtype === "int8" || dtype === "nf4";
}

/** Bytes of one element. */
export function bytesOf(dtype: DType): number {
  return dtype === "i8" ? 1 : dtype === "f32" || dtype === "i32" ? 4 : 2;
}
