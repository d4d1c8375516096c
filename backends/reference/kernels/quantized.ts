/**
 * Quantised matrices: their words, and the numbers behind them.
 * @module
 */
import {
  dequantize,
  type QuantizedShape,
  quantizedWords,
} from "@denotune/denotune/core";
import { INDEX, type Operand } from "../kernel.ts";
import type { Tensor } from "../tensor.ts";

/** What an operand that holds a quantised matrix must be. */
export function quantizedOperand(
  name: string,
  shape: QuantizedShape,
): Operand {
  return { name, elements: quantizedWords(shape), dtypes: INDEX };
}

/** The numbers of a quantised matrix (rows, columns), as float32 gives them. */
export function loadQuantized(
  tensor: Tensor,
  shape: QuantizedShape,
): Float64Array {
  const words = Int32Array.from(tensor.load());
  return Float64Array.from(dequantize(shape, new Uint8Array(words.buffer)));
}
