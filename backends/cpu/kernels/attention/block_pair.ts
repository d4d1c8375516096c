/**
 * One block of queries with one block of keys: the five products of attention's gradient.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import {
  f32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { expAsWeight } from "../../simd_math.ts";
import {
  type Geometry,
  geometryOf,
  type Products,
  scoreOf,
} from "./geometry.ts";
import { eachHidden, eachSeen, type KeySegments, sightOf } from "./sight.ts";
import { dropoutKey, keptFactor } from "./dropout.ts";
import { BLOCK_BYTES } from "../../machine_code/block.ts";
import { callNative } from "./native_weights.ts";
import { storeFactor } from "./factors.ts";
import {
  diagonalOf,
  packedBytes,
  queriesByKeys,
  scoresByKeys,
  scoresByQueries,
} from "./products.ts";
import { element, type Kernel } from "../launch.ts";

/** Offsets into the worker's own memory. */
export function scratchOf(g: Geometry, capacity: number) {
  const block = 4 * g.keys * g.padded;
  const scores = 0;
  const slopes = scores + g.queries * g.scoreRow;
  const keys = slopes + g.queries * g.scoreRow;
  const values = keys + packedBytes(g);
  const dKeys = values + packedBytes(g);
  const dValues = dKeys + block;
  const dQueries = dValues + block;
  // dQ is summed in the output itself where a head is whole tiles, or a BLAS does the products; else here: the
  // micro-kernel writes whole tiles
  const direct = g.products !== "tiles" || g.padded === g.headDim;
  const description = dQueries +
    (direct ? 0 : 4 * g.group * capacity * g.padded);
  const bytes = description + BLOCK_BYTES + 64;
  return {
    scores,
    slopes,
    keys,
    values,
    dKeys,
    dValues,
    dQueries,
    direct,
    /** The description of a block for machine code. */
    description,
    bytes,
  };
}

/** The attributes that the code depends on, besides sizes. */
export interface Variant {
  readonly attributes: AttentionAttributes;
  /** What does the products. */
  readonly products: Products;
  /** Whether machine code makes the weights and the gradients of scores. */
  readonly native: boolean;
  /** Where factors rounded to bf16 are in the temporary memory: q, k, v, dO; null: they are read as they are. */
  readonly rounded: readonly number[] | null;
  readonly deltasAt: number;
  readonly capacity: number;
  /** Parts of each head: how many, and in the temporary memory dQ of all but the first and the bytes of each. */
  readonly parts: {
    readonly count: number;
    readonly at: number;
    readonly bytes: number;
  };
}

/** One key/value head of one row of the batch. */
export interface KvHead {
  /** First row of the batch row's tensors. */
  readonly row0: Int;
  readonly kvHead: Int;
  /** Base of dQ of the part. */
  readonly dQ: Int;
}

/** Where dQ of a query head is summed: address of query 0, and bytes from query to query. */
export function sumOfQueries(
  k: Kernel,
  variant: Variant,
  own: KvHead,
  member: Int,
): { at: Int; row: number } {
  const g = geometryOf(variant);
  const s = scratchOf(g, variant.capacity);
  if (s.direct) {
    return {
      at: headAt(own.dQ, g.qRow, own.row0, headOf(own, g, member), g),
      row: g.qRow,
    };
  }
  const bytes = 4 * variant.capacity * g.padded;
  return {
    at: i64.add(
      i64.add(k.scratch, i64.const(s.dQueries)),
      i64.mul(member, i64.const(bytes)),
    ),
    row: 4 * g.padded,
  };
}

/** Number of a query head among all. */
export function headOf(own: KvHead, g: Geometry, member: Int): Int {
  return i64.add(i64.mul(own.kvHead, i64.const(g.group)), member);
}

/** Address of a head in a row of a tensor of heads. */
export function headAt(
  base: Int,
  rowBytes: number,
  row: Int,
  head: Int,
  g: Geometry,
): Int {
  return i64.add(
    base,
    i64.add(
      i64.mul(row, i64.const(rowBytes)),
      i64.mul(head, i64.const(4 * g.headDim)),
    ),
  );
}

/** Address of a head in a row of q (0), k (1), v (2) or dO (3), as the products read them. */
export function factorAt(
  k: Kernel,
  variant: Variant,
  which: 0 | 1 | 2 | 3,
  { row, head }: { readonly row: Int; readonly head: Int },
): Int {
  const g = geometryOf(variant);
  const base = variant.rounded === null
    ? k.at[which === 3 ? 5 : which]
    : i64.add(k.temporary, i64.const(variant.rounded[which]));
  const rowBytes = which === 1 || which === 2 ? g.kFactorRow : g.qFactorRow;
  return i64.add(
    i64.add(base, i64.mul(row, i64.const(rowBytes))),
    i64.mul(head, i64.const(g.factorBytes * g.headDim)),
  );
}

/** A block of queries and a block of keys. */
export interface BlockPair {
  readonly block: KeySegments;
  /** Addresses of the block's keys and values. */
  readonly keys: Int;
  readonly values: Int;
  readonly member: Int;
  readonly head: Int;
  readonly query: Int;
  readonly queries: Int;
}

/** One block of queries with one block of keys. */
export function emitBlockPair(
  k: Kernel,
  variant: Variant,
  own: KvHead,
  p: BlockPair,
): void {
  const { f } = k;
  const g = geometryOf(variant);
  const s = scratchOf(g, variant.capacity);
  const at = (offset: number) => i64.add(k.scratch, i64.const(offset));
  // Q, dO: the block of queries; K, V: the block of keys.
  // S = Q Kt         raw products, made again from what forward kept (its log of sums)
  // dP = dO Vt
  // P, dS            row by row, below (without the scale where a library multiplies by it)
  // dV += Pt dO      dK += dSt Q      dQ += dS K
  const row = f.local("i64", i64.add(own.row0, p.query));
  const queries = f.local(
    "i64",
    factorAt(k, variant, 0, { row, head: p.head }),
  );
  const dOut = f.local(
    "i64",
    factorAt(k, variant, 3, { row, head: p.head }),
  );
  const diagonal = diagonalOf(k, variant, {
    query: p.query,
    key: p.block.firstKey,
  });
  const ofQueries = (at: Int) => ({ at, count: p.queries });
  const ofKeys = (at: Int) => ({ at, count: p.block.count });
  queriesByKeys(k, g, {
    queries: ofQueries(queries),
    keys: ofKeys(p.keys),
    packed: at(s.keys),
    scores: at(s.scores),
    diagonal,
    scale: g.scoreScale,
  });
  queriesByKeys(k, g, {
    queries: ofQueries(dOut),
    keys: ofKeys(p.values),
    packed: at(s.values),
    scores: at(s.slopes),
    diagonal,
    scale: 1,
  });
  if (variant.native) {
    const perHead = i64.add(i64.mul(row, i64.const(g.heads)), p.head);
    callNative(k, { attributes: variant.attributes, g }, "backward", {
      block: {
        at: at(s.description),
        scores: at(s.scores),
        rows: p.queries,
        keys: p.block,
        query: p.query,
        segment: element(k.at[3], row),
      },
      own: {
        slopes: at(s.slopes),
        logs: element(k.at[4], perHead),
        deltas: i64.add(
          element(k.temporary, perHead),
          i64.const(variant.deltasAt),
        ),
        step: i64.const(4 * g.heads),
      },
    });
  } else {
    f.for(
      i64.const(0),
      p.queries,
      1,
      (i) => gradientRow(k, variant, own, { ...p, i }),
    );
  }
  scoresByQueries(k, g, {
    scores: at(s.scores),
    queries: ofQueries(dOut),
    keys: p.block.count,
    out: at(s.dValues),
    diagonal,
    scale: 1,
  });
  scoresByQueries(k, g, {
    scores: at(s.slopes),
    queries: ofQueries(queries),
    keys: p.block.count,
    out: at(s.dKeys),
    diagonal,
    scale: g.slopeScale,
  });
  const target = sumOfQueries(k, variant, own, p.member);
  scoresByKeys(k, g, {
    scores: at(s.slopes),
    keys: ofKeys(p.keys),
    queries: p.queries,
    out: i64.add(target.at, i64.mul(p.query, i64.const(target.row))),
    outRow: target.row,
    diagonal,
    scale: g.slopeScale,
  });
}

/** Turns raw scores into weights, and raw dP into dS, for one query. */
function gradientRow(
  k: Kernel,
  variant: Variant,
  own: KvHead,
  p: BlockPair & { i: Int },
): void {
  const { f } = k;
  const { attributes } = variant;
  const g = geometryOf(variant);
  const s = scratchOf(g, variant.capacity);
  // The query's position in its row, its place over the batch, and the keys of the block that it sees.
  const query = f.local("i64", i64.add(p.query, p.i));
  const position = f.local("i64", i64.add(own.row0, query));
  const sight = sightOf(f, attributes, {
    position: query,
    segment: f.local("i64", element(k.at[3], position)),
    block: p.block,
  });
  // Two numbers for each query and head: the log of the sum of exponents, and the sum of dO * O.
  const perHead = f.local(
    "i64",
    i64.add(i64.mul(position, i64.const(g.heads)), p.head),
  );
  const lse = f.local("v128", v128.load32Splat(element(k.at[4], perHead)));
  const delta = f.local(
    "v128",
    v128.load32Splat(element(k.temporary, perHead), variant.deltasAt),
  );
  const row = f.local(
    "i64",
    i64.add(k.scratch, i64.mul(p.i, i64.const(g.scoreRow))),
  );
  const drawn = dropoutKey(f, attributes, {
    rowKeys: attributes.dropout === undefined ? undefined : k.at[9],
    row: position,
  });
  // Four keys at a time, in place: the row of S becomes P, the row of dP becomes dS.
  const change = (index: Int, mask: Vector | null): void => {
    const address = f.local("i64", element(row, index));
    const { score, slope } = scoreOf(
      f,
      attributes,
      g,
      v128.load(address, s.scores),
    );
    const own = (value: Vector) =>
      mask === null ? value : v128.and(value, mask);
    // P = exp(score - lse): normalised at once, because lse holds the maximum and the sum.
    // dS = P * (dP - delta) * d score / d raw.
    const shifted = f32x4.sub(score, lse);
    const weight = f.local("v128", own(expAsWeight(f, shifted, g.factors)));
    // with dropout: dV of what was kept, and dP = keep (dO Vt)
    const factor = drawn === null ? null : keptFactor(f, attributes, {
      key: drawn,
      head: p.head,
      first: i64.add(p.block.firstKey, index),
    });
    const raw = v128.load(address, s.slopes);
    const dP = factor === null ? raw : f32x4.mul(raw, factor);
    const change = f32x4.sub(dP, delta);
    const dScore = slope === null ? change : f32x4.mul(change, slope);
    storeFactor(
      f,
      g,
      { row, index, offset: s.scores },
      factor === null ? weight : f32x4.mul(weight, factor),
    );
    // masked again: scores beyond the keys may be anything, NaN included
    const dRaw = own(f32x4.mul(weight, dScore));
    storeFactor(f, g, { row, index, offset: s.slopes }, dRaw);
  };
  eachSeen(f, sight, { masked: change, plain: (index) => change(index, null) });
  eachHidden(f, sight, (index) => {
    for (const offset of [s.scores, s.slopes]) {
      storeFactor(f, g, { row, index, offset }, f32x4.const(0));
    }
  });
}
