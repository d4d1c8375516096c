/**
 * Attention backward. A piece is one key/value head of one row of the batch with all its query heads: key
 * blocks outside, query blocks inside, so that dK and dV of a block are summed in the worker's own memory and
 * dQ where it ends up, always in the same order and without atomics.
 *
 * ```text
 * S = Q Kt   P = exp(S - lse)   dP = dO Vt   dS = P (dP - delta) slope
 * dV += Pt dO    dK += dSt Q    dQ += dS K          delta = sum of dO * O over a head
 * ```
 * @module
 */
import {
  type AttentionAttributes,
  type Extents,
  sizeOf,
  type View,
} from "@denotune/denotune/core";
import { f32x4, i64, type Int, v128 } from "../assembler/mod.ts";
import { exp } from "../simd_math.ts";
import {
  attentionKey,
  type Geometry,
  geometryOf,
  KEYS,
  QUERIES,
  rangeBytes,
  rangeEnd,
  rangesStep,
  SCORE_ROW,
  scoreOf,
  sightMask,
  sightOf,
} from "./attention_common.ts";
import { packTransposed, transpose4 } from "./pack.ts";
import { rowsAPiece } from "./row_moves.ts";
import { element, type Kernel, keyOf, type Step } from "./step.ts";
import { blockProduct, TILE_COLUMNS } from "./tile.ts";
import { storeLanes, vectorLoop } from "./vector_loop.ts";

/** The steps of an `attention_backward` call. */
export function lowerAttentionBackward(
  attributes: AttentionAttributes,
  inputs: readonly View[],
  outputs: readonly View[],
  capacities: Extents,
): Step[] {
  const [q, k, v, segments, out, lse, dOut] = inputs;
  const dims = [attributes.B, attributes.T];
  const capacity = sizeOf(attributes.T, capacities);
  const positions = sizeOf(attributes.B, capacities) * capacity;
  const deltasAt = rangeBytes(positions);
  const bytes = deltasAt + 4 * positions * attributes.heads;
  const g = geometryOf(attributes);
  return [
    rangesStep(attributes, segments, bytes),
    {
      key: keyOf("attention_deltas", [g.heads, g.headDim, deltasAt], dims),
      views: [out, dOut],
      writes: [],
      dims,
      temporary: { bytes, use: "write" },
      build: (kernel) => buildDeltas(kernel, g, deltasAt),
    },
    {
      key: keyOf("attention_backward", [
        attentionKey(attributes),
        deltasAt,
        capacity,
      ], dims),
      views: [q, k, v, segments, lse, dOut, ...outputs],
      writes: [6, 7, 8],
      dims,
      temporary: { bytes, use: "read" },
      scratch: scratchOf(g, capacity).bytes,
      build: (kernel) => build(kernel, { attributes, deltasAt, capacity }),
    },
  ];
}

/**
 * Four heads at a time, in the lanes. The sum over a head is one chain in the order of its elements, as in the
 * micro-kernel: where a query sees one key alone, dP - delta is exactly 0.
 */
function buildDeltas(k: Kernel, g: Geometry, deltasAt: number): void {
  const { f } = k;
  const rows = f.hold(
    i64.mul(i64.mul(k.dims[0], k.dims[1]), i64.const(g.heads)),
  );
  const headBytes = 4 * g.headDim;
  k.ranges(
    rows,
    4 * Math.ceil(rowsAPiece(g.headDim) / 4),
    (from, to) =>
      vectorLoop(f, { from, to }, ({ index, rest }) => {
        const last = rest === null
          ? index
          : f.local("i64", i64.sub(to, i64.const(1)));
        // the last head stands for those that are missing in the last four
        const pointers = (base: Int) =>
          [0, 1, 2, 3].map((lane) => {
            const exists = rest === null
              ? index
              : i64.min(f.local("i64", i64.add(index, i64.const(lane))), last);
            const row = rest === null
              ? i64.add(exists, i64.const(lane))
              : exists;
            return f.local(
              "i64",
              i64.add(base, i64.mul(row, i64.const(headBytes))),
            );
          });
        const [out, dOut] = [pointers(k.at[0]), pointers(k.at[1])];
        const sum = f.local("v128", f32x4.const(0));
        for (let d = 0; d < g.headDim; d += 4) {
          const four = (list: readonly Int[]) =>
            transpose4(
              f,
              list.map((at) => f.local("v128", v128.load(at, 4 * d))),
            );
          const [a, b] = [four(out), four(dOut)];
          for (let i = 0; i < Math.min(4, g.headDim - d); i++) {
            f.set(sum, f32x4.madd(b[i], a[i], sum));
          }
        }
        storeLanes(
          f,
          { address: element(k.temporary, index), offset: deltasAt },
          sum,
          rest,
        );
      }),
  );
}

/** Offsets into the worker's own memory. */
function scratchOf(g: Geometry, capacity: number) {
  const block = 4 * KEYS * g.padded;
  const scores = 0;
  const slopes = scores + QUERIES * SCORE_ROW;
  const keys = slopes + QUERIES * SCORE_ROW;
  const values = keys + block;
  const dKeys = values + block;
  const dValues = dKeys + block;
  const dQueries = dValues + block;
  // dQ is summed in place if whole tiles fit into a head, else here
  const direct = g.padded === g.headDim;
  const bytes = dQueries + (direct ? 0 : 4 * g.group * capacity * g.padded) +
    64;
  return {
    scores,
    slopes,
    keys,
    values,
    dKeys,
    dValues,
    dQueries,
    direct,
    bytes,
  };
}

interface Variant {
  readonly attributes: AttentionAttributes;
  readonly deltasAt: number;
  readonly capacity: number;
}

/** One key/value head of one row of the batch. */
interface Piece {
  /** First row of the batch row's tensors. */
  readonly row0: Int;
  readonly kvHead: Int;
}

function build(k: Kernel, variant: Variant): void {
  const { f } = k;
  const g = geometryOf(variant.attributes);
  const [B, T] = k.dims;
  k.pieces(i64.mul(B, i64.const(g.kvHeads)), (piece) => {
    const b = f.local("i64", i64.divU(piece, i64.const(g.kvHeads)));
    const kvHead = f.local(
      "i64",
      i64.sub(piece, i64.mul(b, i64.const(g.kvHeads))),
    );
    const row0 = f.local("i64", i64.mul(b, T));
    const own = { row0, kvHead };
    eachQueryRow(
      k,
      variant,
      own,
      (at) =>
        vectorLoop(f, {
          from: i64.const(0),
          to: i64.const(scratchOf(g, 0).direct ? g.headDim : g.padded),
        }, (lanes) =>
          storeLanes(
            f,
            { address: element(at.sum, lanes.index) },
            f32x4.const(0),
            lanes.rest,
          )),
    );
    f.for(i64.const(0), T, KEYS, (place) => keyBlock(k, variant, own, place));
    if (!scratchOf(g, 0).direct) {
      eachQueryRow(
        k,
        variant,
        own,
        (at) =>
          vectorLoop(
            f,
            { from: i64.const(0), to: i64.const(g.headDim) },
            ({ index, rest }) =>
              storeLanes(
                f,
                { address: element(at.out, index) },
                v128.load(element(at.sum, index)),
                rest,
              ),
          ),
      );
    }
  });
}

/** Where dQ of a query head is summed: address of query 0, and bytes from query to query. */
function sumOfQueries(
  k: Kernel,
  variant: Variant,
  own: Piece,
  member: Int,
): { at: Int; row: number } {
  const g = geometryOf(variant.attributes);
  const s = scratchOf(g, variant.capacity);
  if (s.direct) {
    return {
      at: headAt(k.at[6], g.qRow, own.row0, headOf(own, g, member), g),
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

function headOf(own: Piece, g: Geometry, member: Int): Int {
  return i64.add(i64.mul(own.kvHead, i64.const(g.group)), member);
}

/** Address of a head in a row of a tensor of heads. */
function headAt(
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

function eachQueryRow(
  k: Kernel,
  variant: Variant,
  own: Piece,
  body: (at: { sum: Int; out: Int }) => void,
): void {
  const { f } = k;
  const g = geometryOf(variant.attributes);
  f.for(i64.const(0), i64.const(g.group), 1, (member) => {
    const target = sumOfQueries(k, variant, own, member);
    const sum = f.local("i64", target.at);
    const out = f.local(
      "i64",
      headAt(k.at[6], g.qRow, own.row0, headOf(own, g, member), g),
    );
    f.for(i64.const(0), k.dims[1], 1, () => {
      body({ sum, out });
      f.increase(sum, i64.const(target.row));
      f.increase(out, i64.const(g.qRow));
    });
  });
}

/** A block of keys, with all queries that can see any of them. */
function keyBlock(k: Kernel, variant: Variant, own: Piece, place: Int): void {
  const { f } = k;
  const g = geometryOf(variant.attributes);
  const s = scratchOf(g, variant.capacity);
  const at = (offset: number) => i64.add(k.scratch, i64.const(offset));
  const count = f.local("i64", i64.sub(k.dims[1], place));
  f.set(count, i64.min(count, i64.const(KEYS)));
  const row = f.local("i64", i64.add(own.row0, place));
  const blockOf = (base: Int) =>
    f.local("i64", headAt(base, g.kRow, row, own.kvHead, g));
  const keys = blockOf(k.at[1]), values = blockOf(k.at[2]);
  for (
    const [source, target] of [[keys, s.keys], [values, s.values]] as const
  ) {
    packTransposed(f, {
      at: source,
      stride: i64.const(g.kRow),
      dtype: "f32",
      columns: count,
      count: i64.const(g.headDim),
    }, at(target));
  }
  const sums = f.local("i64", at(s.dKeys));
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(2 * KEYS * g.padded) },
    ({ index }) => f.store(element(sums, index), f32x4.const(0)),
  );
  const range = queryRange(k, variant, own, { place, count });
  f.for(
    i64.const(0),
    i64.const(g.group),
    1,
    (member) =>
      f.for(range.low, range.high, QUERIES, (query) => {
        const queries = f.local("i64", i64.sub(range.high, query));
        f.set(queries, i64.min(queries, i64.const(QUERIES)));
        const head = f.local("i64", headOf(own, g, member));
        pair(k, variant, own, {
          place,
          count,
          keys,
          member,
          head,
          query,
          queries,
        });
      }),
  );
  for (const [view, from] of [[7, s.dKeys], [8, s.dValues]] as const) {
    const target = blockOf(k.at[view]);
    const source = f.local("i64", at(from));
    f.for(i64.const(0), count, 1, () => {
      vectorLoop(
        f,
        { from: i64.const(0), to: i64.const(g.headDim) },
        ({ index, rest }) =>
          storeLanes(
            f,
            { address: element(target, index) },
            v128.load(element(source, index)),
            rest,
          ),
      );
      f.increase(target, i64.const(g.kRow));
      f.increase(source, i64.const(4 * g.padded));
    });
  }
}

/** Queries that can see any key of the block. */
function queryRange(
  k: Kernel,
  variant: Variant,
  own: Piece,
  block: { place: Int; count: Int },
): { low: Int; high: Int } {
  const { f } = k;
  const { causal, window } = variant.attributes;
  const low = f.local("i64", k.dims[1]), high = f.local("i64", i64.const(0));
  f.for(i64.const(0), block.count, 1, (j) => {
    const position = f.local("i64", i64.add(own.row0, i64.add(block.place, j)));
    const start = f.local("i64", rangeEnd(k.temporary, position, 0));
    const end = f.local(
      "i64",
      i64.add(rangeEnd(k.temporary, position, 1), i64.const(1)),
    );
    f.set(low, i64.min(low, start));
    f.set(high, i64.max(high, end));
  });
  if (causal || window !== null) {
    const from = f.local(
      "i64",
      i64.add(block.place, i64.const(causal ? 0 : 1 - (window ?? 1))),
    );
    f.set(low, i64.max(low, from));
  }
  if (window !== null) {
    const beyond = f.local(
      "i64",
      i64.add(i64.add(block.place, block.count), i64.const(window - 1)),
    );
    f.set(high, i64.min(high, beyond));
  }
  return { low, high };
}

interface Pair {
  readonly place: Int;
  readonly count: Int;
  /** Address of the block's keys. */
  readonly keys: Int;
  readonly member: Int;
  readonly head: Int;
  readonly query: Int;
  readonly queries: Int;
}

/** One block of queries with one block of keys. */
function pair(k: Kernel, variant: Variant, own: Piece, p: Pair): void {
  const { f } = k;
  const g = geometryOf(variant.attributes);
  const s = scratchOf(g, variant.capacity);
  const at = (offset: number) => i64.add(k.scratch, i64.const(offset));
  const row = f.local("i64", i64.add(own.row0, p.query));
  const queries = f.local("i64", headAt(k.at[0], g.qRow, row, p.head, g));
  const dOut = f.local("i64", headAt(k.at[5], g.qRow, row, p.head, g));
  const panels = f.local("i64", i64.ceilDiv(p.count, TILE_COLUMNS));
  const depth = i64.const(g.headDim);
  const raw = blockProduct(k.module, {
    aRow: g.qRow,
    aStep: 4,
    bStep: 4 * TILE_COLUMNS,
    bPanel: 4 * TILE_COLUMNS * g.headDim,
    cRow: SCORE_ROW,
    accumulate: false,
  });
  f.call(raw, [queries, at(s.keys), at(s.scores), p.queries, panels, depth]);
  f.call(raw, [dOut, at(s.values), at(s.slopes), p.queries, panels, depth]);
  f.for(
    i64.const(0),
    p.queries,
    1,
    (i) => gradientRow(k, variant, own, { ...p, i }),
  );
  const toKeys = blockProduct(k.module, {
    aRow: 4,
    aStep: SCORE_ROW,
    bStep: g.qRow,
    bPanel: 4 * TILE_COLUMNS,
    cRow: 4 * g.padded,
    accumulate: true,
  });
  const across = i64.const(g.panels);
  f.call(toKeys, [
    at(s.scores),
    dOut,
    at(s.dValues),
    p.count,
    across,
    p.queries,
  ]);
  f.call(toKeys, [
    at(s.slopes),
    queries,
    at(s.dKeys),
    p.count,
    across,
    p.queries,
  ]);
  const target = sumOfQueries(k, variant, own, p.member);
  const toQueries = blockProduct(k.module, {
    aRow: SCORE_ROW,
    aStep: 4,
    bStep: g.kRow,
    bPanel: 4 * TILE_COLUMNS,
    cRow: target.row,
    accumulate: true,
  });
  const dQueries = i64.add(target.at, i64.mul(p.query, i64.const(target.row)));
  f.call(toQueries, [
    at(s.slopes),
    p.keys,
    dQueries,
    p.queries,
    across,
    p.count,
  ]);
}

/** Turns raw scores into weights, and raw dP into dS, for one query. */
function gradientRow(
  k: Kernel,
  variant: Variant,
  own: Piece,
  p: Pair & { i: Int },
): void {
  const { f } = k;
  const { attributes } = variant;
  const g = geometryOf(attributes);
  const s = scratchOf(g, variant.capacity);
  const place = f.local("i64", i64.add(p.query, p.i));
  const position = f.local("i64", i64.add(own.row0, place));
  const end = f.local("i64", i64.add(p.place, p.count));
  const { low, high } = sightOf(f, attributes, { place, end });
  const segment = {
    own: f.local("v128", v128.load32Splat(element(k.at[3], position))),
    keys: f.local("i64", element(k.at[3], i64.add(own.row0, p.place))),
  };
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
    i64.add(k.scratch, i64.mul(p.i, i64.const(SCORE_ROW))),
  );
  const width = f.local("i64", i64.mul(i64.ceilDiv(p.count, 4), i64.const(4)));
  vectorLoop(f, { from: i64.const(0), to: width }, ({ index, rest }) => {
    if (rest !== null) return; // the width is a multiple of four
    const mask = sightMask(f, { low, high, segment }, {
      first: i64.add(p.place, index),
      index,
    });
    const address = f.local("i64", element(row, index));
    const { score, slope } = scoreOf(
      f,
      attributes,
      v128.load(address, s.scores),
    );
    const weight = f.local(
      "v128",
      v128.and(exp(f, f32x4.sub(score, lse)), mask),
    );
    const change = f32x4.mul(
      f32x4.sub(v128.load(address, s.slopes), delta),
      slope,
    );
    f.store(address, weight, s.scores);
    // masked again: what lies beyond the keys may be anything, NaN included
    f.store(address, v128.and(f32x4.mul(weight, change), mask), s.slopes);
  });
}
