/**
 * Elements as bytes and back.
 * @module
 */
import type { DType } from "@denotune/denotune/core";

/** Numbers as a device stores them. bf16 is cut, not rounded: any 16 bits will do for data. */
export function encode(values: Float64Array, dtype: DType): Uint8Array {
  switch (dtype) {
    case "f32":
      return new Uint8Array(Float32Array.from(values).buffer);
    case "i32":
      return new Uint8Array(Int32Array.from(values).buffer);
    case "i8":
      return new Uint8Array(Int8Array.from(values).buffer);
    case "f16":
      return new Uint8Array(Float16Array.from(values).buffer);
    case "bf16": {
      const bits = new Uint32Array(Float32Array.from(values).buffer);
      return new Uint8Array(Uint16Array.from(bits, (b) => b >>> 16).buffer);
    }
  }
}

/** The numbers of stored elements. */
export function decode(bytes: ArrayBuffer, dtype: DType): Float64Array {
  switch (dtype) {
    case "f32":
      return Float64Array.from(new Float32Array(bytes));
    case "i32":
      return Float64Array.from(new Int32Array(bytes));
    case "i8":
      return Float64Array.from(new Int8Array(bytes));
    case "f16":
      return Float64Array.from(new Float16Array(bytes));
    case "bf16":
      return Float64Array.from(
        new Float32Array(
          Uint32Array.from(new Uint16Array(bytes), (b) => b << 16).buffer,
        ),
      );
  }
}
