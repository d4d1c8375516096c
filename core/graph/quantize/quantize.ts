/**
 * Packs a matrix of float32 into 8 or 4 bits, part after part: neither the matrix nor its codes are ever held
 * whole. A function of the numbers alone.
 *
 * `int8` rounds w * 127 / absmax of the row to the nearest, ties to even. `nf4` is QLoRA's (arXiv:2305.14314,
 * double quantisation included), with bitsandbytes' rounding.
 * @module
 */
import { DataError } from "../../contracts/errors.ts";
import {
  int8Layout,
  NF4_BLOCK,
  NF4_GROUP,
  nf4Layout,
  type QuantizedShape,
} from "./layout.ts";
import { dynamicMap, NF4_LEVELS } from "./tables.ts";

/** Elements that are packed at a time, about: 16 MiB of float32. */
const CHUNK = 1 << 22;

/** Where a matrix comes from and where its parts go. */
export interface QuantizeOptions {
  /** What errors call it. */
  readonly name: string;
  /** Elements start .. start + count of the matrix, row-major. */
  readonly read: (start: number, count: number) => Float32Array;
  /** Takes bytes for a place of the layout: multiples of 4, both. They are the caller's to keep. */
  readonly write: (bytes: Uint8Array, byteOffset: number) => void;
  /** Elements that are read at a time, about. */
  readonly chunk?: number;
}

/** Packs a matrix. Throws `DataError` for a number that is not finite. */
export function quantize(
  shape: QuantizedShape,
  options: QuantizeOptions,
): void {
  if (shape.format === "int8") packInt8(shape, options);
  else packNf4(shape, options);
}

function packInt8(
  shape: QuantizedShape,
  { name, read, write, chunk = CHUNK }: QuantizeOptions,
): void {
  const { rows, columns } = shape;
  const scales = new Float32Array(rows);
  // four rows together have whole words
  const step = 4 * Math.max(1, Math.floor(chunk / (4 * columns)));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const values = read(first * columns, count * columns);
    const codes = new Int8Array(wordBytes(values.length));
    for (let r = 0; r < count; r++) {
      const row = values.subarray(r * columns, (r + 1) * columns);
      const absmax = absoluteMaximum(row, name);
      scales[first + r] = absmax / 127;
      const factor = absmax === 0 ? 0 : 127 / absmax;
      for (let c = 0; c < columns; c++) {
        codes[r * columns + c] = nearestEven(row[c] * factor);
      }
    }
    write(new Uint8Array(codes.buffer), first * columns);
  }
  write(new Uint8Array(scales.buffer), 4 * int8Layout(shape).scales);
}

function packNf4(
  shape: QuantizedShape,
  { name, read, write, chunk = CHUNK }: QuantizeOptions,
): void {
  const layout = nf4Layout(shape);
  const elements = shape.rows * shape.columns;
  const codeOf = nf4Coder();
  const absmax = new Float32Array(layout.blocks);
  const step = NF4_BLOCK * Math.max(1, Math.floor(chunk / NF4_BLOCK));
  for (let start = 0; start < elements; start += step) {
    const values = read(start, Math.min(step, elements - start));
    const codes = new Uint8Array(wordBytes(Math.ceil(values.length / 2)));
    for (let from = 0; from < values.length; from += NF4_BLOCK) {
      const block = values.subarray(from, from + NF4_BLOCK);
      const largest = absoluteMaximum(block, name);
      absmax[(start + from) / NF4_BLOCK] = largest;
      const factor = inverse(largest);
      for (let i = 0; i < block.length; i++) {
        const code = codeOf(Math.fround(block[i] * factor));
        codes[(from + i) >> 1] |= code << (4 * (i & 1));
      }
    }
    write(codes, start / 2);
  }
  packAbsmax(absmax, layout, write);
}

/** The scales of blocks, less their mean, in 8 bits with a scale for each 256. */
function packAbsmax(
  absmax: Float32Array,
  layout: ReturnType<typeof nf4Layout>,
  write: QuantizeOptions["write"],
): void {
  const map = dynamicMap();
  const borders = bordersOf(map);
  const offset = Math.fround(absmax.reduce((a, b) => a + b, 0) / absmax.length);
  const rest = absmax.map((a) => a - offset);
  const codes = new Uint8Array(wordBytes(absmax.length));
  const groups = new Float32Array(layout.groupCount);
  for (let g = 0; g < groups.length; g++) {
    const group = rest.subarray(g * NF4_GROUP, (g + 1) * NF4_GROUP);
    const largest = group.reduce((m, a) => Math.max(m, Math.abs(a)), 0);
    groups[g] = largest;
    for (const [i, a] of group.entries()) {
      codes[g * NF4_GROUP + i] = placeOf(
        borders,
        largest === 0 ? 0 : Math.fround(a / largest),
      );
    }
  }
  write(codes, 4 * layout.absmax);
  const floats: readonly (readonly [ArrayLike<number>, number])[] = [
    [groups, layout.groups],
    [[offset], layout.offset],
    [map, layout.map],
    [NF4_LEVELS, layout.levels],
  ];
  for (const [values, at] of floats) {
    write(new Uint8Array(Float32Array.from(values).buffer), 4 * at);
  }
}

/** 1 / a in float32, and finite: a block of zeros stays one. */
function inverse(a: number): number {
  return Math.fround(1 / Math.max(a, Math.fround(1e-38)));
}

/** The middles between neighbouring levels, in float32: a number above one belongs to the upper level. */
function bordersOf(levels: Float32Array): Float32Array {
  return Float32Array.from(
    { length: levels.length - 1 },
    (_, i) => (levels[i] + levels[i + 1]) / 2,
  );
}

/** Cells of [-1, 1] that the search of a code starts from: narrower than any two borders are apart. */
const CELLS = 4096;

/** The code of a number in [-1, 1] (or an ulp beyond): how many of the 15 borders are below it. */
function nf4Coder(): (x: number) => number {
  const levels = Float32Array.from(NF4_LEVELS);
  const borders = [...bordersOf(levels), Infinity];
  // of each cell: the borders below its lower end; at most one is within
  const below = Uint8Array.from(
    { length: CELLS + 1 },
    (_, i) => borders.filter((b) => b < i / (CELLS / 2) - 1).length,
  );
  const table = Float64Array.from(borders);
  return (x) => {
    const least = below[Math.trunc((x + 1) * (CELLS / 2))];
    return x > table[least] ? least + 1 : least;
  };
}

/** How many of the ascending borders are below x. */
function placeOf(borders: Float32Array, x: number): number {
  let [low, high] = [0, borders.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x > borders[middle]) low = middle + 1;
    else high = middle;
  }
  return low;
}

function absoluteMaximum(values: Float32Array, name: string): number {
  let most = 0;
  let check = 0; // NaN and the infinities alone give NaN
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    check += size - size;
    if (size > most) most = size;
  }
  if (check !== 0) {
    throw new DataError(
      `Cannot quantise ${name}: it has numbers that are not finite; repair the file, or set model.quantization to null`,
    );
  }
  return most;
}

/** Below 2^22: to the nearest whole number, ties to even. */
function nearestEven(x: number): number {
  const shift = 6755399441055744; // 1.5 * 2^52: no digit behind the point is left
  return x + shift - shift;
}

function wordBytes(bytes: number): number {
  return 4 * Math.ceil(bytes / 4);
}
