/**
 * Quantised matrices: their words, and the numbers behind them.
 * @module
 */
import { dequantize, type QuantizedShape } from "@denotune/denotune/device";
import type { Tensor } from "../tensor.ts";

/** The numbers of a quantised matrix (rows, columns), as float32 gives them. */
export function loadQuantized(
  tensor: Tensor,
  shape: QuantizedShape,
): Float64Array {
  const words = Int32Array.from(tensor.load());
  return Float64Array.from(dequantize(shape, new Uint8Array(words.buffer)));
}
