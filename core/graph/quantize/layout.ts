/**
 * Layout of a quantised matrix W (rows, columns) in one buffer of 4-byte words, little-endian; element
 * (r, c) is number r * columns + c. Every part starts at a multiple of 4 words.
 *
 * ```text
 * int8   | codes: signed bytes | scales: f32 (rows) |
 *          W[r, c] = code * scales[r]
 *
 * nf4    | codes: 4 bits, the first element lowest | absmax: bytes (blocks) | groups: f32 (blocks / 256) |
 *        | offset: f32 (1) | map: f32 (256) | levels: f32 (16) |
 *          block = element / 64       scale = map[absmax[block]] * groups[block / 256] + offset
 *          W[r, c] = levels[code] * scale
 * ```
 *
 * Products and sums are rounded to float32 one by one, as bitsandbytes does it: the same numbers follow from
 * the same codes. Rows are the outputs of a layer, however its file lays them out.
 * @module
 */
import type { Quantization } from "../dtype.ts";

/** A quantised matrix, without its numbers. */
export interface QuantizedShape {
  /** How it is stored. */
  readonly format: Quantization;
  /** Outputs of the layer. */
  readonly rows: number;
  /** Inputs of the layer. */
  readonly columns: number;
}

/** Elements that share a scale in `nf4`. */
export const NF4_BLOCK = 64;
/** Scales of `nf4` that share a scale of their own. */
export const NF4_GROUP = 256;

/** Where the parts of an `int8` matrix start, in words. */
export interface Int8Layout {
  /** All of it. */
  readonly words: number;
  /** Scales of the rows. */
  readonly scales: number;
}

/** Where the parts of an `nf4` matrix start, in words. */
export interface Nf4Layout {
  /** All of it. */
  readonly words: number;
  /** How many blocks there are. */
  readonly blocks: number;
  /** How many groups of blocks there are. */
  readonly groupCount: number;
  /** Scales of the blocks, a byte each. */
  readonly absmax: number;
  /** Scales of the groups. */
  readonly groups: number;
  /** What is added to every scale. */
  readonly offset: number;
  /** What the bytes of `absmax` represent. */
  readonly map: number;
  /** The numbers that the codes represent. */
  readonly levels: number;
}

/** The layout of an `int8` matrix. */
export function int8Layout(
  { rows, columns }: Pick<QuantizedShape, "rows" | "columns">,
): Int8Layout {
  const scales = words(rows * columns);
  return { scales, words: scales + words(4 * rows) };
}

/** The layout of an `nf4` matrix. */
export function nf4Layout(
  { rows, columns }: Pick<QuantizedShape, "rows" | "columns">,
): Nf4Layout {
  const elements = rows * columns;
  const blocks = Math.ceil(elements / NF4_BLOCK);
  const groupCount = Math.ceil(blocks / NF4_GROUP);
  const absmax = words(Math.ceil(elements / 2));
  const groups = absmax + words(blocks);
  const offset = groups + words(4 * groupCount);
  const map = offset + words(4);
  const levels = map + 256;
  return {
    blocks,
    groupCount,
    absmax,
    groups,
    offset,
    map,
    levels,
    words: levels + 16,
  };
}

/** Words of a quantised matrix. */
export function quantizedWords(shape: QuantizedShape): number {
  return shape.format === "int8"
    ? int8Layout(shape).words
    : nf4Layout(shape).words;
}

/** Words that hold so many bytes, up to a multiple of 4. */
function words(bytes: number): number {
  return 4 * Math.ceil(bytes / 16);
}
