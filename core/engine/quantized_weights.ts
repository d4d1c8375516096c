/**
 * Weights on their way into quantised storage, and what becomes of them there.
 * @module
 */
import { isQuantized } from "../graph/dtype.ts";
import type { Session } from "./session.ts";
import { dequantize, quantized } from "../graph/quantize/dequantize.ts";
import type { QuantizedShape } from "../graph/quantize/layout.ts";
import { quantize } from "../graph/quantize/quantize.ts";
import { type ReadElements, transposed } from "../graph/quantize/transposed.ts";

/**
 * Packs a weight into its place on the device, part after part. `read` gives elements in the order of the
 * file. Throws `DataError` for numbers that are not finite.
 */
export function writeQuantized(
  session: Session,
  name: string,
  read: ReadElements,
): void {
  const { shape, turned } = placeOf(session, name);
  quantize(shape, {
    name,
    read: turned ? transposed(shape, read) : read,
    write: (bytes, at) => session.writeWords(name, bytes, at),
  });
}

/** The numbers that a weight has once it is stored, in the order of the file; `values` where it is not quantised. */
export function asStored(
  session: Session,
  name: string,
  values: Float32Array,
): Float32Array {
  if (!isQuantized(session.dtypeOf(name))) return values;
  const { shape, turned } = placeOf(session, name);
  const { rows, columns } = shape;
  const all = (data: Float32Array): ReadElements => (start, count) =>
    data.subarray(start, start + count);
  const own = turned
    ? transposed(shape, all(values))(0, values.length)
    : values;
  const stored = dequantize(shape, quantized(shape, own, name));
  return turned
    ? transposed({ rows: columns, columns: rows }, all(stored))(
      0,
      stored.length,
    )
    : stored;
}

function placeOf(
  session: Session,
  name: string,
): { shape: QuantizedShape; turned: boolean } {
  const place = session.memory.variables.get(name);
  if (place === undefined || !isQuantized(place.dtype)) {
    throw new RangeError(`${name} has no quantised place in memory`);
  }
  const [rows, columns] = place.shape;
  return {
    shape: { format: place.dtype, rows, columns },
    turned: place.transposed === true,
  };
}
