/**
 * Copies, converts and dequantises.
 * @module
 */
import type { Dim } from "../dims.ts";
import type { DType } from "../dtype.ts";
import { type QuantizedShape, quantizedWords } from "../quantize/layout.ts";
import { INDEX, type KernelDefinition } from "./_definition.ts";

/** Attributes of `copy`. */
export interface CopyAttributes {
  /** How many elements: of the matrix, where it is quantised. */
  readonly elements: Dim;
  /** The matrix that x holds, if it is quantised: out gets its numbers. */
  readonly quantized?: QuantizedShape;
}

const ANY: readonly DType[] = ["f32", "i32", "bf16", "f16", "i8"];

/**
 * `x (elements) -> out (elements)`: the same elements; f32 to and from bf16 / f16 by round to nearest even. Whole
 * numbers are copied as they are. f32 becomes i8 by round to nearest even, within -128 and 127, and i8 becomes f32; there
 * elements is a fixed multiple of 4, and x and out start at one. With `quantized`, x is i32 (words) and holds a matrix (rows, columns), and out
 * gets its numbers in f32.
 */
export const copy: KernelDefinition<"copy", CopyAttributes> = {
  name: "copy",
  operands({ elements, quantized }) {
    if (quantized !== undefined) {
      return {
        inputs: [{
          name: "x",
          shape: [quantizedWords(quantized)],
          dtypes: INDEX,
          quantized,
        }],
        outputs: [{ name: "out", shape: [quantized.rows, quantized.columns] }],
      };
    }
    return {
      inputs: [{ name: "x", shape: [elements], dtypes: ANY }],
      outputs: [{ name: "out", shape: [elements], dtypes: ANY }],
    };
  },
  check({ elements, quantized }, { inputs: [x], outputs: [out] }) {
    if (quantized !== undefined) return;
    if (x.dtype === "i8" || out.dtype === "i8") {
      const isWhole = typeof elements === "number" &&
        [elements, x.offset, out.offset].every((n) => n % 4 === 0);
      const isWidened = x.dtype === "f32" || out.dtype === "f32";
      if (isWhole && isWidened) return;
      throw new RangeError(
        `cannot convert from ${x.dtype} to ${out.dtype}: i8 is converted from and to f32, a fixed multiple of 4 elements that start at one`,
      );
    }
    if (x.dtype === out.dtype) return;
    if (x.dtype !== "i32" && out.dtype !== "i32") return;
    throw new RangeError(
      `cannot convert from ${x.dtype} to ${out.dtype}: whole numbers are copied as they are`,
    );
  },
  operations: ({ elements, quantized }, size) =>
    size(elements) * (quantized === undefined ? 2 : 8),
};
