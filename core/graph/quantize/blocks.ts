/**
 * Block-wise dynamic quantisation (arXiv:2110.02861): 256 elements share the largest of their magnitudes, and each is
 * the nearest of 256 numbers in [-1, 1], or in [0, 1] where none is negative. Exponents take as many bits as they
 * need, so small numbers keep their digits beside large ones.
 *
 * ```text
 * level i of 7    10^(i-6) * (0.1 + 0.9 (j + 0.5) / n)     j = 0 .. n - 1
 * signed          n = 2^i        127 magnitudes of either sign, 0 and 1
 * unsigned        n = 2^(i+1)    254 magnitudes, 0 and 1
 * ```
 *
 * Codes are numbered in ascending order from -128; the arithmetic is expressions, so it runs on every backend.
 * @module
 */
import { product } from "../dims.ts";
import {
  constant,
  type Expr,
  input,
  reduce,
  type RowProgram,
  value,
  write,
} from "../expression.ts";
import type { Graph, Tensor } from "../graph.ts";
import { cast } from "../ops/cast.ts";
import { rows } from "../ops/rows.ts";

/** Elements that share a scale. */
export const BLOCK = 256;

/** Storage in blocks: signed, or for numbers of which none is negative. */
export type BlockStorage = "dynamic-int8" | "dynamic-uint8";

/** Whether a storage is one in blocks. */
export function isBlockStorage(
  dtype: string | undefined,
): dtype is BlockStorage {
  return dtype === "dynamic-int8" || dtype === "dynamic-uint8";
}

/** Whether a tensor of these sizes can be stored in blocks: its elements are a multiple of 256. */
export function fitsBlocks(shape: readonly number[]): boolean {
  return shape.reduce((a, b) => a * b, 1) % BLOCK === 0;
}

interface DynamicLevel {
  /** Number of its smallest magnitude, and how many it has. */
  readonly first: number;
  readonly count: number;
  /** Power of ten below which it is. */
  readonly scale: number;
}

const MOST_LEVELS = 7;

function levelsOf(signed: boolean): readonly DynamicLevel[] {
  return Array.from({ length: MOST_LEVELS }, (_, i) => {
    const count = 2 ** (signed ? i : i + 1);
    return {
      first: signed ? count : count - 1,
      count,
      scale: 10 ** (i - MOST_LEVELS + 1),
    };
  });
}

/** Number of the magnitude 1: the one after the last level. */
function topOf(signed: boolean): number {
  return signed ? 128 : 255;
}

function magnitudeOf({ count, scale }: DynamicLevel, j: number): number {
  return scale * (0.1 + 0.9 * (j + 0.5) / count);
}

/** The number in [-1, 1] that a code is. */
export function decoded(code: Expr, signed: boolean): Expr {
  const place = signed ? code.add(1) : code.add(128);
  const m = place.abs();
  let size: Expr = constant(0);
  for (const { first, count, scale } of levelsOf(signed)) {
    const inLevel = m.sub(first - 0.5).mul(0.9 * scale / count)
      .add(0.1 * scale);
    size = m.lt(first).select(size, inLevel);
  }
  size = m.lt(topOf(signed)).select(size, 1);
  return signed ? size.mul(place.sign()) : size;
}

/** The code nearest to a number in [-1, 1], not rounded yet: the nearest whole number is the code. */
export function encoded(x: Expr, signed: boolean): Expr {
  const size = x.abs();
  let place: Expr = constant(0);
  let below = 0;
  for (const level of levelsOf(signed)) {
    const { first, count, scale } = level;
    const inLevel = size.mul(1 / scale).sub(0.1).mul(count / 0.9)
      .add(first - 0.5).min(first + count - 1);
    const border = (below + magnitudeOf(level, 0)) / 2;
    place = size.lt(border).select(place, inLevel);
    below = magnitudeOf(level, count - 1);
  }
  const top = topOf(signed);
  // -1 is none of the numbers
  const largest = signed ? x.lt(0).select(top - 1, top) : constant(top);
  place = size.lt((below + 1) / 2).select(place, largest);
  return signed ? place.mul(x.sign()).sub(1) : place.sub(128);
}

/** A tensor in blocks. */
export interface Blocks {
  /** i8, of the tensor's shape. */
  readonly codes: Tensor;
  /** Largest magnitude of each block (blocks). */
  readonly absmax: Tensor;
}

/** The numbers of a tensor in blocks, f32, in the shape of its codes. */
export function fromBlocks(
  graph: Graph,
  { codes, absmax }: Blocks,
  storage: BlockStorage,
): Tensor {
  const program: RowProgram = {
    inputs: ["matrix", "column"],
    stages: [
      write(0, decoded(input(0), storage === "dynamic-int8").mul(input(1))),
    ],
    outputs: ["matrix"],
  };
  const wide = cast(graph, codes, "f32");
  return rows(graph, [wide, absmax], spaceOfBlocks(codes), program)[0];
}

/**
 * A tensor (f32) in blocks. `before` and `keep`: where `keep` (1) is 0 the blocks before are kept, code for code:
 * what was decoded and encoded again may have another scale.
 */
export function toBlocks(
  graph: Graph,
  x: Tensor,
  { before, keep, storage }: {
    readonly before: Blocks;
    readonly keep: Tensor;
    readonly storage: BlockStorage;
  },
): Blocks {
  const largest = value("absmax");
  const share = largest.eq(0).select(0, input(0).div(largest));
  const isNew = input(3, 0);
  const program: RowProgram = {
    inputs: ["matrix", "matrix", "column", "scalars"],
    stages: [
      reduce("max", "absmax", input(0).abs()),
      write(
        0,
        isNew.select(encoded(share, storage === "dynamic-int8"), input(1)),
      ),
      write(1, isNew.select(largest, input(2))),
    ],
    outputs: ["matrix", "column"],
  };
  const codes = cast(graph, before.codes, "f32");
  const [next, absmax] = rows(
    graph,
    [x, codes, before.absmax, keep],
    spaceOfBlocks(x),
    program,
  );
  return { codes: cast(graph, next, "i8"), absmax };
}

function spaceOfBlocks({ shape }: Tensor) {
  const elements = product(shape);
  if (typeof elements !== "number" || elements % BLOCK !== 0) {
    throw new RangeError(
      `A tensor in blocks has a fixed multiple of ${BLOCK} elements`,
    );
  }
  return { rows: elements / BLOCK, columns: BLOCK };
}
