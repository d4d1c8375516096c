/**
 * Code that forward and backward attention share: blocks, distances in bytes, ranges of segments, scores.
 *
 * Scores are made block by block (queries x keys) with the micro-kernel of matrix products, in the worker's
 * own memory; blocks that no query of the block can see are never touched.
 * @module
 */
import type { AttentionAttributes, View } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i64,
  type Int,
  type Local,
  type Vector,
} from "../../assembler/mod.ts";
import { tanh } from "../../simd_math.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";
import { TILE_COLUMNS } from "../matmul/tile.ts";

/** Queries and keys of a block for the micro-kernel: multiples of the rows and columns of a tile. */
const TILED = { queries: 48, keys: 64 };
/** Queries and keys of a block for a library: large enough that a call costs little beside its work, and in the second cache. */
const BY_LIBRARY = { queries: 192, keys: 128 };
/** Keys or queries of a library's blocks on the diagonal of causal attention, where half is not seen. */
const ON_DIAGONAL = 64;
/** Row length and head size from which on a BLAS does the products. */
const BLAS_FROM = { positions: 128, headDim: 32 };
/** The same for machine code, whose calls cost less. */
const SMALL_FROM = { positions: 32, headDim: 16 };

/** What multiplies: the micro-kernel, machine code, a BLAS, or a library of bf16 factors. */
export type Products = "tiles" | "small" | "blas" | "bf16";

/** Literal sizes of an attention kernel. */
export interface Geometry {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Query heads of one key/value head. */
  readonly group: number;
  /** headDim up to whole tiles. */
  readonly padded: number;
  /** Tiles across a head. */
  readonly panels: number;
  /** Bytes from one row of out to the next, as float32. */
  readonly qRow: number;
  /** Bytes from one row of dK to the next, as float32. */
  readonly kRow: number;
  /** What does the products of blocks. */
  readonly products: Products;
  /** How factors are stored. */
  readonly factors: "f32" | "bf16";
  /** Bytes of a number of a factor: 2 where it is bf16. */
  readonly factorBytes: 2 | 4;
  /** Bytes from one row of q, as a factor, to the next. */
  readonly qFactorRow: number;
  /** Bytes from one row of k or v, as a factor, to the next. */
  readonly kFactorRow: number;
  /** Queries of a block. */
  readonly queries: number;
  /** Keys of a block. */
  readonly keys: number;
  /** Keys (forward) or queries (backward) of a block on the diagonal of causal attention; null: as elsewhere. */
  readonly onDiagonal: number | null;
  /** What a library multiplies scores by: the scale where that rounds nothing, so that both passes get the same bits. */
  readonly scoreScale: number;
  /** What a library multiplies the gradients of queries and keys by. */
  readonly slopeScale: number;
  /** Bytes from one row of scores to the next. */
  readonly scoreRow: number;
}

/** What was found to multiply with besides the micro-kernel. */
export interface Found {
  readonly blas: boolean;
  readonly bfloat16: boolean;
  readonly machineCode: boolean;
}

/** What multiplies in rows of up to so many positions: short ones are not worth a library's calls. */
export function productsOf(
  { headDim, factors }: AttentionAttributes,
  positions: number,
  libraries: Found,
): Products {
  /** Whether rows and heads are long enough. */
  const suits = (from: typeof BLAS_FROM) =>
    positions >= from.positions && headDim >= from.headDim;
  if (!suits(BLAS_FROM)) {
    return libraries.machineCode && suits(SMALL_FROM) ? "small" : "tiles";
  }
  if (factors === "bf16" && libraries.bfloat16) return "bf16";
  return libraries.blas ? "blas" : "tiles";
}

/** The sizes of an attention kernel. */
export function geometryOf(
  { attributes, products, capacity }: {
    attributes: AttentionAttributes;
    products: Products;
    /** Positions of the longest row: short ones have small blocks. */
    capacity: number;
  },
): Geometry {
  const { heads, kvHeads, headDim, scale } = attributes;
  const byLibrary = products !== "tiles";
  const panels = Math.ceil(headDim / TILE_COLUMNS);
  const { queries, keys } = byLibrary ? blocksFor(capacity) : TILED;
  const factorBytes = products === "bf16" ? 2 : 4;
  return {
    products,
    factors: products === "bf16" ? "bf16" : "f32",
    factorBytes,
    qFactorRow: factorBytes * heads * headDim,
    kFactorRow: factorBytes * kvHeads * headDim,
    queries,
    keys,
    onDiagonal: byLibrary && attributes.causal ? ON_DIAGONAL : null,
    scoreScale: byLibrary && Number.isInteger(Math.log2(scale)) ? scale : 1,
    slopeScale: byLibrary ? scale : 1,
    scoreRow: 4 * keys,
    heads,
    kvHeads,
    headDim,
    group: heads / kvHeads,
    padded: panels * TILE_COLUMNS,
    panels,
    qRow: 4 * heads * headDim,
    kRow: 4 * kvHeads * headDim,
  };
}

/** A library's blocks of rows of so many positions, in sixteens: rows of scores are then side by side. */
function blocksFor(positions: number): typeof BY_LIBRARY {
  const most = 16 * Math.ceil(positions / 16);
  return {
    queries: Math.min(BY_LIBRARY.queries, most),
    keys: Math.min(BY_LIBRARY.keys, most),
  };
}

/** The attributes that code depends on. */
export function attentionKey(attributes: AttentionAttributes): unknown {
  const { heads, kvHeads, headDim, causal, scale, window, softcap, dropout } =
    attributes;
  const own = [heads, kvHeads, headDim, causal, scale, window, softcap];
  return dropout === undefined ? own : [...own, dropout.p, dropout.stream];
}

/** Bytes of the ranges of segments: two i32 a position. */
export function rangeBytes(positions: number): number {
  return 8 * positions;
}

/**
 * The launch that finds, for each position, the first and the last position of its row that is in the same
 * segment: (B*T, 2) i32 at the start of the temporary memory.
 */
export function rangesLaunch(
  attributes: AttentionAttributes,
  segments: View,
  temporaryBytes: number,
): Launch {
  const dims = [attributes.B, attributes.T];
  return {
    key: keyOf("segment_ranges", [], dims),
    views: [segments],
    writes: [],
    dims,
    temporary: { bytes: temporaryBytes, use: "write" },
    build: (k) => {
      const { f } = k;
      const [B, T] = k.dims;
      k.pieces(B, (row) => {
        const start = f.local("i64", i64.mul(row, T));
        const end = f.local("i64", i64.add(start, T));
        /** Scans in one direction; `side` is 0 for the first, 1 for the last. */
        const scan = (side: 0 | 1): void => {
          const step = side === 0 ? 1 : -1;
          const position = f.local(
            "i64",
            side === 0 ? start : i64.sub(end, i64.const(1)),
          );
          const found = f.local("i64");
          const outermost = f.local("i64", position);
          const segmentAt = (at: Int) => i32.load(element(k.at[0], at));
          f.for(i64.const(0), T, 1, () => {
            const own = f.local("i32", segmentAt(position));
            const before = i64.sub(position, i64.const(step));
            const continues = i32.and(
              i64.ne(position, outermost),
              i32.eq(segmentAt(i64.max(before, start)), own),
            );
            // the same as its neighbour's, or else looked for from the row's end
            f.if(continues, () => {}, () => {
              f.set(found, outermost);
              f.loop((again) => {
                f.if(i32.ne(segmentAt(found), own), () => {
                  f.increase(found, i64.const(step));
                  f.branch(again);
                });
              });
            });
            const target = i64.add(
              k.temporary,
              i64.mul(position, i64.const(8)),
            );
            f.store(target, i32.wrap(i64.sub(found, start)), 4 * side);
            f.increase(position, i64.const(step));
          });
        };
        scan(0);
        scan(1);
      });
    },
  };
}

/** First (or last) position of the segment of a position; `at` counts over the batch. */
export function rangeEnd(temporary: Int, at: Int, side: 0 | 1): Int {
  return i64.load32S(i64.add(temporary, i64.mul(at, i64.const(8))), 4 * side);
}

/** From the first position of the segments of `count` positions to behind their last; `first` counts over the batch. */
export function segmentSpan(
  k: Kernel,
  { first, count }: { readonly first: Int; readonly count: Int },
): { low: Local<"i64">; high: Local<"i64"> } {
  const { f } = k;
  const low = f.local("i64", k.dims[1]), high = f.local("i64", i64.const(0));
  f.for(i64.const(0), count, 1, (i) => {
    const position = f.local("i64", i64.add(first, i));
    const start = f.local("i64", rangeEnd(k.temporary, position, 0));
    const end = f.local(
      "i64",
      i64.add(rangeEnd(k.temporary, position, 1), i64.const(1)),
    );
    f.set(low, i64.min(low, start));
    f.set(high, i64.max(high, end));
  });
  return { low, high };
}

/** A product of query and key as a score, and what the score's gradient is still multiplied by (null: nothing). */
export function scoreOf(
  f: FunctionBuilder,
  attributes: AttentionAttributes,
  g: Geometry,
  raw: Vector,
): { score: Vector; slope: Vector | null } {
  const { scale, softcap } = attributes;
  /** A number times what is left of the scale. */
  const rest = (value: Vector, done: number) =>
    done === scale ? value : f32x4.mul(value, f32x4.const(scale / done));
  const scaled = f.local("v128", rest(raw, g.scoreScale));
  if (softcap === null) {
    const done = g.slopeScale === scale;
    return { score: scaled, slope: done ? null : f32x4.const(scale) };
  }
  // softcap * tanh(scaled / softcap), and its slope 1 - tanh^2 times the scale.
  const bent = tanh(f, f32x4.mul(scaled, f32x4.const(1 / softcap)));
  const score = f.local("v128", f32x4.mul(bent, f32x4.const(softcap)));
  const slope = f32x4.sub(f32x4.const(1), f32x4.mul(bent, bent));
  return { score, slope: rest(slope, g.slopeScale) };
}
