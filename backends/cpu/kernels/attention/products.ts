/**
 * The products between a block of queries and a block of keys, and where they are done: by the micro-kernel,
 * which wants keys turned into panels, or by a library, which reads them where they are.
 *
 * ```text
 *                     result           first factor        second factor, its inner size
 * queriesByKeys       S (q, keys)   =  Q (q, head)         Kt, packed: panels of 8 keys      the head
 * scoresByKeys        O (q, head)   += S (q, keys)         K where it is: 8 columns a panel  keys
 * scoresByQueries     O (keys, head) += St (keys, q)       Q where it is: 8 columns a panel  queries
 * ```
 *
 * Where attention is causal, half of the block on the diagonal is never seen: the micro-kernel does not make those
 * scores, and does not multiply the weights, which are 0 there. That leaves out additions of 0 alone. A library gets
 * smaller blocks there. It also scales scores and gradients; the micro-kernel does not.
 *
 * St is S read with its strides exchanged: nothing is transposed. Where a head is no multiple of eight columns the last
 * panel reads into the next head, and writes columns that nobody reads: rows of results are `padded` wide.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import { i64, type Int } from "../../assembler/mod.ts";
import type { Geometry, Products } from "./geometry.ts";
import { packTransposed } from "../matmul/pack.ts";
import type { Kernel } from "../launch.ts";
import { blockProduct, TILE_COLUMNS } from "../matmul/tile.ts";

/** A block of rows of one head: its address, and how many. */
export interface Rows {
  readonly at: Int;
  readonly count: Int;
}

/**
 * Index in the block of the first key that is hidden from the block's first query; each later query sees one key more.
 * Null where attention is not causal, or a BLAS does the products.
 */
export function diagonalOf(
  k: Kernel,
  variant: {
    readonly attributes: AttentionAttributes;
    readonly products: Products;
  },
  first: { readonly query: Int; readonly key: Int },
): Int | null {
  if (variant.products !== "tiles" || !variant.attributes.causal) return null;
  return k.f.local(
    "i64",
    i64.sub(i64.add(first.query, i64.const(1)), first.key),
  );
}

/** Bytes that the keys (or values) of a block take once more for the micro-kernel. */
export function packedBytes(g: Geometry): number {
  return g.products !== "tiles" ? 0 : 4 * g.keys * g.padded;
}

/** Makes the rows of a block of keys (or values) ready for {@linkcode queriesByKeys}. */
export function packKeys(
  k: Kernel,
  g: Geometry,
  keys: Rows,
  packed: Int,
): void {
  if (g.products !== "tiles") return;
  packTransposed(k.f, {
    at: keys.at,
    stride: i64.const(g.kFactorRow),
    dtype: "f32",
    columns: keys.count,
    count: i64.const(g.headDim),
  }, packed);
}

/** Q Kt, by a library times `scale`: a row of scores for each query. Scores behind the last key are not defined. */
export function queriesByKeys(
  k: Kernel,
  g: Geometry,
  p: {
    scale: number;
    queries: Rows;
    keys: Rows;
    packed: Int;
    scores: Int;
    diagonal: Int | null;
  },
): void {
  const { queries, keys } = p;
  const depth = i64.const(g.headDim);
  if (g.products !== "tiles") {
    return k.gemm({
      factors: g.factors,
      small: g.products === "small",
      transposed: "b",
      m: queries.count,
      n: keys.count,
      k: depth,
      a: queries.at,
      aRow: g.qFactorRow,
      b: keys.at,
      bRow: g.kFactorRow,
      c: p.scores,
      cRow: g.scoreRow,
      accumulate: false,
      scale: p.scale,
    });
  }
  const product = blockProduct(k.module, {
    aRow: g.qFactorRow,
    aStep: 4,
    bStep: 4 * TILE_COLUMNS,
    bPanel: 4 * TILE_COLUMNS * g.headDim,
    cRow: g.scoreRow,
    accumulate: false,
    triangle: p.diagonal === null ? null : "columns",
  });
  const panels = k.f.local("i64", i64.ceilDiv(keys.count, TILE_COLUMNS));
  k.f.call(product, [
    queries.at,
    p.packed,
    p.scores,
    queries.count,
    panels,
    depth,
    p.diagonal ?? i64.const(0),
  ]);
}

/** out += S K, by a library times `scale`, a row for each query; rows of `out` are `outRow` bytes apart. */
export function scoresByKeys(
  k: Kernel,
  g: Geometry,
  p: {
    scale: number;
    scores: Int;
    keys: Rows;
    queries: Int;
    out: Int;
    outRow: number;
    diagonal: Int | null;
  },
): void {
  if (g.products !== "tiles") {
    return k.gemm({
      factors: g.factors,
      small: g.products === "small",
      transposed: null,
      m: p.queries,
      n: i64.const(g.headDim),
      k: p.keys.count,
      a: p.scores,
      aRow: g.scoreRow,
      b: p.keys.at,
      bRow: g.kFactorRow,
      c: p.out,
      cRow: p.outRow,
      accumulate: true,
      scale: p.scale,
    });
  }
  const product = blockProduct(k.module, {
    aRow: g.scoreRow,
    aStep: 4,
    bStep: g.kFactorRow,
    bPanel: 4 * TILE_COLUMNS,
    cRow: p.outRow,
    accumulate: true,
    triangle: p.diagonal === null ? null : "terms",
  });
  k.f.call(product, [
    p.scores,
    p.keys.at,
    p.out,
    p.queries,
    i64.const(g.panels),
    p.keys.count,
    p.diagonal ?? i64.const(0),
  ]);
}

/** out += St Q, by a library times `scale`, a row of `4 * padded` bytes for each key. */
export function scoresByQueries(
  k: Kernel,
  g: Geometry,
  p: {
    scale: number;
    scores: Int;
    queries: Rows;
    keys: Int;
    out: Int;
    diagonal: Int | null;
  },
): void {
  const outRow = 4 * g.padded;
  if (g.products !== "tiles") {
    return k.gemm({
      factors: g.factors,
      small: g.products === "small",
      transposed: "a",
      m: p.keys,
      n: i64.const(g.headDim),
      k: p.queries.count,
      a: p.scores,
      aRow: g.scoreRow,
      b: p.queries.at,
      bRow: g.qFactorRow,
      c: p.out,
      cRow: outRow,
      accumulate: true,
      scale: p.scale,
    });
  }
  const product = blockProduct(k.module, {
    aRow: 4,
    aStep: g.scoreRow,
    bStep: g.qFactorRow,
    bPanel: 4 * TILE_COLUMNS,
    cRow: outRow,
    accumulate: true,
    triangle: p.diagonal === null ? null : "terms after",
  });
  k.f.call(product, [
    p.scores,
    p.queries.at,
    p.out,
    p.keys,
    i64.const(g.panels),
    p.queries.count,
    p.diagonal ?? i64.const(0),
  ]);
}
