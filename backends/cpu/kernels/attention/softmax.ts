/**
 * The running softmax of attention: one query's raw scores of one block of keys become weights.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import {
  f32,
  f32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { exp, expAsWeight, log, maxLanes, sumLanes } from "../../simd_math.ts";
import {
  type Geometry,
  geometryOf,
  type Products,
  scoreOf,
} from "./geometry.ts";
import {
  eachHidden,
  eachSeen,
  HIDDEN,
  HIDDEN_LIMIT,
  type KeySegments,
  sightOf,
} from "./sight.ts";
import { BLOCK_BYTES } from "../../machine_code/block.ts";
import { dropoutKey, keptFactor } from "./dropout.ts";
import { storeFactor } from "./factors.ts";
import { packedBytes } from "./products.ts";
import { element, type Kernel } from "../launch.ts";
import { storeLanes, vectorLoop } from "../vector_loop.ts";

/** Offsets into the worker's own memory: a block of scores, its result, and the running statistics. */
export function scratchOf(g: Geometry) {
  const scores = 0;
  const result = scores + g.queries * g.scoreRow;
  const maxima = result + g.queries * 4 * g.padded;
  const sums = maxima + 4 * g.queries;
  const keys = sums + 4 * g.queries;
  const description = keys + packedBytes(g);
  return {
    scores,
    result,
    maxima,
    sums,
    keys,
    /** The description of a block for machine code. */
    description,
    bytes: description + BLOCK_BYTES + 64,
  };
}

/** The differences between attention over a batch and attention over a cache. */
export interface Variant {
  readonly attributes: AttentionAttributes;
  /** What does the products. */
  readonly products: Products;
  /** Whether machine code makes the weights. */
  readonly native: boolean;
  /** Positions of the longest row. */
  readonly capacity: number;
  /** Where factors rounded to bf16 are in the temporary memory: q, k, v; null: they are read as they are. */
  readonly rounded: readonly number[] | null;
  /** The cache that keys come from; null: keys are beside the queries. */
  readonly cache: { readonly slots: number; readonly capacity: number } | null;
}

/** A block of queries of one head. */
export interface Block {
  readonly b: Int;
  readonly head: Int;
  /** First query of the block in its row, and how many. */
  readonly first: Int;
  readonly queries: Int;
  /** Place of the row's query 0 among the keys. */
  readonly shift: Int;
  /** The row's keys: rows before its own. */
  readonly keyRow0: Int;
}

/** Before the first block of keys: results and sums 0, maxima below every score. */
export function clearSums(k: Kernel, queries: Int, g: Geometry): void {
  const { f } = k;
  const s = scratchOf(g);
  const result = i64.add(k.scratch, i64.const(s.result));
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.mul(queries, i64.const(g.padded)) },
    (lanes) =>
      storeLanes(
        f,
        { address: element(result, lanes.index) },
        f32x4.const(0),
        lanes.rest,
      ),
  );
  f.for(i64.const(0), queries, 1, (i) => {
    const slot = element(k.scratch, i);
    f.store(slot, f32.const(HIDDEN), s.maxima);
    f.store(slot, f32.const(0), s.sums);
  });
}

/** Turns a row of raw scores into weights, and scales the row's sums so far. */
export function softmaxRow(
  k: Kernel,
  variant: Variant,
  query: {
    i: Int;
    block: KeySegments;
    row0: Int;
    first: Int;
    shift: Int;
    head: Int;
  },
): void {
  const { f } = k;
  const { attributes, cache } = variant;
  const g = geometryOf(variant);
  const s = scratchOf(g);
  const { i, block } = query;
  // The query's position among the keys, and the part of this block of keys that it sees.
  const sight = sightOf(f, attributes, {
    position: f.local("i64", i64.add(query.shift, i64.add(query.first, i))),
    segment: cache !== null
      ? null
      : f.local("i64", element(k.at[3], i64.add(query.row0, i))),
    block,
  });
  const row = f.local(
    "i64",
    i64.add(k.scratch, i64.mul(i, i64.const(g.scoreRow))),
  );
  const capped = attributes.softcap !== null;
  // First pass: the row's maximum. Scores with hidden ones among them are stored, hidden ones as -3e38, and so
  // are capped ones, which are expensive; others are one multiplication away from the raw product.
  const best = f.local("v128", f32x4.const(HIDDEN));
  const peak = f.local("v128", f32x4.const(HIDDEN));
  eachSeen(f, sight, {
    masked: (index, mask) => {
      const address = f.local("i64", element(row, index));
      const { score } = scoreOf(f, attributes, g, v128.load(address));
      const seen = f.local(
        "v128",
        v128.select(score, f32x4.const(HIDDEN), mask),
      );
      f.store(address, seen);
      f.set(best, f32x4.max(best, seen));
    },
    plain: (index) => {
      const address = f.local("i64", element(row, index));
      const { score } = scoreOf(f, attributes, g, v128.load(address));
      if (capped) f.store(address, score);
      // `max` takes eight instructions to keep NaN, `pmax` one that passes over it: a weight is NaN again
      f.set(peak, f32x4.pmax(peak, score));
    },
  });
  // The maximum so far may have been smaller: the sums so far are scaled by exp(before - now).
  const slot = f.local("i64", element(k.scratch, i));
  const before = f.local("v128", v128.load32Splat(slot, s.maxima));
  const now = f.local(
    "v128",
    f32x4.max(before, maxLanes(f, f32x4.max(best, peak))),
  );
  // An infinite score makes the maximum NaN, and with it all that the row gives.
  f.set(now, f32x4.add(now, f32x4.sub(now, now)));
  const drawn = dropoutKey(f, attributes, {
    rowKeys: attributes.dropout === undefined ? undefined : k.at[6],
    row: i64.add(query.row0, i),
  });
  // Second pass: weights exp(score - maximum), 0 where hidden, and their sum.
  const total = f.local("v128", f32x4.const(0));
  const store = (index: Int, weight: Vector): void => {
    // dropped weights count in the sum all the same
    f.set(total, f32x4.add(total, weight));
    const left = drawn === null ? weight : f32x4.mul(
      weight,
      keptFactor(f, attributes, {
        key: drawn,
        head: query.head,
        first: i64.add(block.firstKey, index),
      }),
    );
    storeFactor(f, g, { row, index }, left);
  };
  eachSeen(f, sight, {
    masked: (index) => {
      const address = f.local("i64", element(row, index));
      const seen = f.local("v128", v128.load(address));
      const power = expAsWeight(f, f32x4.sub(seen, now), g.factors);
      const hidden = f32x4.le(seen, f32x4.const(HIDDEN_LIMIT)); // false for NaN, which stays
      store(index, f.local("v128", v128.andNot(power, hidden)));
    },
    plain: (index) => {
      const address = f.local("i64", element(row, index));
      const stored = v128.load(address);
      const score = capped ? stored : scoreOf(f, attributes, g, stored).score;
      store(index, expAsWeight(f, f32x4.sub(score, now), g.factors));
    },
  });
  eachHidden(
    f,
    sight,
    (index) => storeFactor(f, g, { row, index }, f32x4.const(0)),
  );
  // sum = sum * correction + total, and the same for the row of O where the maximum has changed.
  const correction = exp(f, f32x4.sub(before, now));
  const sum = f32x4.add(
    f32x4.mul(v128.load32Splat(slot, s.sums), correction),
    sumLanes(f, total),
  );
  f.storeLane32(slot, sum, 0, s.sums);
  f.storeLane32(slot, now, 0, s.maxima);
  f.if(v128.anyTrue(f32x4.ne(correction, f32x4.const(1))), () => {
    const result = f.local(
      "i64",
      i64.add(k.scratch, i64.mul(i, i64.const(4 * g.padded))),
    );
    for (let c = 0; c < g.padded; c += 4) {
      const offset = s.result + 4 * c;
      f.store(result, f32x4.mul(v128.load(result, offset), correction), offset);
    }
  });
}

/** Divides by the sums and stores the block's result. */
export function finish(
  k: Kernel,
  variant: Variant,
  block: { own: Block; row0: Int; headBytes: Int },
): void {
  const { f } = k;
  const g = geometryOf(variant);
  const s = scratchOf(g);
  f.for(i64.const(0), block.own.queries, 1, (i) => {
    const slot = f.local("i64", element(k.scratch, i));
    const sum = f.local("v128", v128.load32Splat(slot, s.sums));
    // The weights were never divided: one division a query, at the end.
    const inverse = f.local("v128", f32x4.div(f32x4.const(1), sum));
    const from = f.local(
      "i64",
      i64.add(k.scratch, i64.mul(i, i64.const(4 * g.padded))),
    );
    const row = f.local("i64", i64.add(block.row0, i));
    const to = f.local(
      "i64",
      i64.add(
        k.at[variant.cache === null ? 4 : 5],
        i64.add(i64.mul(row, i64.const(g.qRow)), block.headBytes),
      ),
    );
    vectorLoop(
      f,
      { from: i64.const(0), to: i64.const(g.headDim) },
      ({ index, rest }) => {
        const value = f32x4.mul(
          v128.load(element(from, index), s.result),
          inverse,
        );
        storeLanes(f, { address: element(to, index) }, value, rest);
      },
    );
    if (variant.cache === null) {
      // log(sum) + maximum: all that the gradient needs of the softmax.
      const lse = f32x4.add(v128.load32Splat(slot, s.maxima), log(f, sum));
      const index = i64.add(i64.mul(row, i64.const(g.heads)), block.own.head);
      f.storeLane32(element(k.at[5], index), lse, 0);
    }
  });
}
