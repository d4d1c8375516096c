/**
 * The numbers of a quantised matrix, on the host: what every backend's `dequantize` gives.
 * @module
 */
import {
  int8Layout,
  NF4_BLOCK,
  NF4_GROUP,
  nf4Layout,
  type QuantizedShape,
  quantizedWords,
} from "./layout.ts";
import { quantize } from "./quantize.ts";

/**
 * Elements start .. start + count of a matrix (row-major; all of them by default) from its bytes, as
 * `layout.ts` lays them out.
 */
export function dequantize(
  shape: QuantizedShape,
  bytes: Uint8Array,
  range: { readonly start: number; readonly count: number } = {
    start: 0,
    count: shape.rows * shape.columns,
  },
): Float32Array {
  const { start, count } = range;
  const out = new Float32Array(count);
  const floats = (word: number, length: number) =>
    new Float32Array(
      bytes.slice(4 * word, 4 * (word + length)).buffer,
    );
  if (shape.format === "int8") {
    const scales = floats(int8Layout(shape).scales, shape.rows);
    for (let i = 0; i < count; i++) {
      const at = start + i;
      const code = (bytes[at] << 24) >> 24;
      out[i] = code * scales[Math.floor(at / shape.columns)];
    }
    return out;
  }
  const layout = nf4Layout(shape);
  const groups = floats(layout.groups, layout.groupCount);
  const [offset] = floats(layout.offset, 1);
  const map = floats(layout.map, 256);
  const levels = floats(layout.levels, 16);
  let scale = 0;
  for (let i = 0; i < count; i++) {
    const at = start + i;
    if (i === 0 || at % NF4_BLOCK === 0) {
      const block = Math.floor(at / NF4_BLOCK);
      const size = map[bytes[4 * layout.absmax + block]];
      const group = groups[Math.floor(block / NF4_GROUP)];
      scale = Math.fround(Math.fround(size * group) + offset);
    }
    const code = (bytes[Math.floor(at / 2)] >> (4 * (at % 2))) & 15;
    out[i] = levels[code] * scale;
  }
  return out;
}

/** A matrix in memory, packed: the bytes of its layout. Throws `DataError` as {@linkcode quantize} does. */
export function quantized(
  shape: QuantizedShape,
  values: Float32Array,
  name: string = "the matrix",
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * quantizedWords(shape));
  quantize(shape, {
    name,
    read: (start, count) => values.subarray(start, start + count),
    write: (part, at) => bytes.set(part, at),
  });
  return bytes;
}
