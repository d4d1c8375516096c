/**
 * The running softmax of attention: one query's raw scores of one block of keys become weights.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/core";
import { f32x4, i64, type Int, v128 } from "../../assembler/mod.ts";
import { exp, maxLanes, sumLanes } from "../../simd_math.ts";
import {
  type Geometry,
  geometryOf,
  HIDDEN,
  HIDDEN_LIMIT,
  scoreOf,
  sightMask,
  sightOf,
} from "./geometry.ts";
import { dropoutKey, keptFactor } from "./dropout.ts";
import { packedBytes } from "./products.ts";
import { element, type Kernel } from "../launch.ts";
import { vectorLoop } from "../vector_loop.ts";

/** Offsets into the worker's own memory: a block of scores, its result, and the running statistics. */
export function scratchOf(g: Geometry) {
  const scores = 0;
  const result = scores + g.queries * g.scoreRow;
  const maxima = result + g.queries * 4 * g.padded;
  const sums = maxima + 4 * g.queries;
  const keys = sums + 4 * g.queries;
  return {
    scores,
    result,
    maxima,
    sums,
    keys,
    bytes: keys + packedBytes(g) + 64,
  };
}

/** The differences between attention over a batch and attention over a cache. */
export interface Variant {
  readonly attributes: AttentionAttributes;
  /** Whether a BLAS does the products. */
  readonly blas: boolean;
  /** The cache that keys come from; null: keys are beside the queries. */
  readonly cache: { readonly slots: number; readonly capacity: number } | null;
}

/** Turns a row of raw scores into weights, and scales the row's sums so far. */
export function softmaxRow(
  k: Kernel,
  variant: Variant,
  query: {
    i: Int;
    firstKey: Int;
    count: Int;
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
  const { i, firstKey, count } = query;
  // The query's position among the keys, and the part of this block of keys that it sees.
  const own = f.local("i64", i64.add(query.shift, i64.add(query.first, i)));
  const end = f.local("i64", i64.add(firstKey, count));
  const { low, high } = sightOf(f, attributes, { position: own, end });
  const segment = cache !== null ? null : {
    own: f.local(
      "v128",
      v128.load32Splat(element(k.at[3], i64.add(query.row0, i))),
    ),
    keys: f.local(
      "i64",
      element(k.at[3], i64.add(i64.sub(query.row0, query.first), firstKey)),
    ),
  };
  const row = f.local(
    "i64",
    i64.add(k.scratch, i64.mul(i, i64.const(g.scoreRow))),
  );
  const width = f.local("i64", i64.mul(i64.ceilDiv(count, 4), i64.const(4)));
  // First pass: raw products become scores (scaled, capped), hidden ones -3e38; the row's maximum.
  const best = f.local("v128", f32x4.const(HIDDEN));
  vectorLoop(f, { from: i64.const(0), to: width }, ({ index, rest }) => {
    if (rest !== null) return; // the width is a multiple of four
    const mask = sightMask(f, { low, high, segment }, {
      first: i64.add(firstKey, index),
      index,
    });
    const address = f.local("i64", element(row, index));
    const { score } = scoreOf(f, attributes, v128.load(address));
    const seen = f.local("v128", v128.select(score, f32x4.const(HIDDEN), mask));
    f.store(address, seen);
    f.set(best, f32x4.max(best, seen));
  });
  // The maximum so far may have been smaller: the sums so far are scaled by exp(before - now).
  const slot = f.local("i64", element(k.scratch, i));
  const before = f.local("v128", v128.load32Splat(slot, s.maxima));
  const now = f.local("v128", f32x4.max(before, maxLanes(f, best)));
  const drawn = dropoutKey(f, attributes, {
    rowKeys: attributes.dropout === undefined ? undefined : k.at[6],
    row: i64.add(query.row0, i),
  });
  // Second pass: weights exp(score - maximum), 0 where hidden, and their sum.
  const total = f.local("v128", f32x4.const(0));
  vectorLoop(f, { from: i64.const(0), to: width }, ({ index, rest }) => {
    if (rest !== null) return;
    const address = f.local("i64", element(row, index));
    const seen = f.local("v128", v128.load(address));
    const power = exp(f, f32x4.sub(seen, now));
    const hidden = f32x4.le(seen, f32x4.const(HIDDEN_LIMIT)); // false for NaN, which stays
    const weight = f.local("v128", v128.andNot(power, hidden));
    // dropped weights count in the sum all the same
    f.set(total, f32x4.add(total, weight));
    const kept = drawn === null ? weight : f32x4.mul(
      weight,
      keptFactor(f, attributes, {
        key: drawn,
        head: query.head,
        first: i64.add(firstKey, index),
      }),
    );
    f.store(address, kept);
  });
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
