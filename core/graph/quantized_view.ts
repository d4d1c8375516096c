/**
 * Quantised tensors in a plan: a view of their words.
 * @module
 */
import { quantizedWords } from "./quantize/layout.ts";
import { sizeOf } from "./dims.ts";
import { isQuantized, type Quantization } from "./dtype.ts";
import type { QuantizedView, TensorType } from "./graph.ts";
import type { View } from "./plan.ts";

/** A quantised tensor as an op is lowered with it, or null where it is none. */
export function quantizedView(
  { shape, dtype }: TensorType,
  { view, storages }: {
    readonly view: View;
    /** Storages that the device's matrix products read. */
    readonly storages: readonly Quantization[];
  },
): QuantizedView | null {
  if (!isQuantized(dtype)) return null;
  const [rows, columns] = shape.map((d) => sizeOf(d, {}));
  const inMatmul = storages.includes(dtype);
  return { format: dtype, view, rows, columns, inMatmul };
}

/** Words of a quantised tensor: its sizes are fixed. */
export function wordsOf({ shape, dtype }: TensorType): number {
  const [rows, columns] = shape.map((d) => sizeOf(d, {}));
  if (!isQuantized(dtype) || shape.length !== 2) {
    throw new RangeError(`A tensor of ${dtype} is no quantised matrix`);
  }
  return quantizedWords({ format: dtype, rows, columns });
}

/** Throws `RangeError` for a quantised tensor where plain numbers are read. */
export function refuseQuantized({ dtype }: TensorType, what: string): void {
  if (!isQuantized(dtype)) return;
  throw new RangeError(
    `${what}, which is stored as ${dtype}: only the second factor of a matrix product may be, and what dequantize reads`,
  );
}
