/**
 * Attention of rows that are one block: a piece is a head of one row of the batch, all of its scores are made at once, and
 * nothing is carried from block to block. Machine code multiplies and makes the weights.
 *
 * ```text
 * forward     S = Q Kt     P = softmax(S)     O = P V          lse = m + log l
 * backward    S = Q Kt     dP = dO Vt         P = exp(S - lse)   dS = P (dP - sum of P dP / sum of P)
 *             dV = Pt dO   dK = dSt Q         dQ = dS K
 * ```
 * The sum of P dP over the keys is that of dO * O over the head, so that the output is not read again.
 * @module
 */
import {
  type AttentionAttributes,
  type Extents,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import { f32x4, i64, type Int, v128 } from "../../assembler/mod.ts";
import { log } from "../../simd_math.ts";
import { BLOCK_BYTES } from "../../machine_code/block.ts";
import {
  attentionKey,
  type Found,
  type Geometry,
  geometryOf,
} from "./geometry.ts";
import { callNative, isNative } from "./native_weights.ts";
import { sameSegment } from "./sight.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";
import { vectorLoop } from "../vector_loop.ts";

/** Positions of the longest row that is one block: its scores and their gradients fit in the first cache. */
const MOST_POSITIONS = 64;
/** Row length and head size from which on calls of machine code cost little beside their work. */
const FROM = { positions: 24, headDim: 16 };

/** Sizes of a kernel, and where its parts are in the worker's own memory. */
interface Short {
  readonly attributes: AttentionAttributes;
  readonly g: Geometry;
  readonly slopes: number;
  readonly maxima: number;
  readonly sums: number;
  readonly description: number;
  readonly bytes: number;
}

/** Whether rows of up to so many positions are one block. */
export function isShort(
  attributes: AttentionAttributes,
  capacities: Extents,
  { machineCode }: Found,
): boolean {
  const positions = sizeOf(attributes.T, capacities);
  return isNative(attributes, "small", machineCode) &&
    positions >= FROM.positions && positions <= MOST_POSITIONS &&
    attributes.headDim >= FROM.headDim;
}

function shortOf(attributes: AttentionAttributes, capacities: Extents): Short {
  const capacity = sizeOf(attributes.T, capacities);
  const g = geometryOf({ attributes, products: "small", capacity });
  const slopes = g.queries * g.scoreRow;
  const maxima = 2 * slopes;
  const sums = maxima + 4 * g.queries;
  const description = sums + 4 * g.queries;
  const bytes = description + BLOCK_BYTES + 64;
  return { attributes, g, slopes, maxima, sums, description, bytes };
}

/** The launch of an `attention` call. */
export function lowerShortAttention(
  attributes: AttentionAttributes,
  inputs: readonly View[],
  outputs: readonly View[],
  capacities: Extents,
): Launch[] {
  const dims = [attributes.B, attributes.T];
  const own = shortOf(attributes, capacities);
  return [{
    key: keyOf("attention_short", [
      attentionKey(attributes),
      own.g.scoreRow,
    ], dims),
    views: [...inputs.slice(0, 4), ...outputs],
    writes: [4, 5],
    dims,
    scratch: own.bytes,
    build: (k) =>
      eachHead(k, own.g.heads, (row0, head) => forward(k, own, row0, head)),
  }];
}

/** The launch of an `attention_backward` call. */
export function lowerShortAttentionBackward(
  attributes: AttentionAttributes,
  inputs: readonly View[],
  outputs: readonly View[],
  capacities: Extents,
): Launch[] {
  const dims = [attributes.B, attributes.T];
  const own = shortOf(attributes, capacities);
  const [lse, dOut] = inputs.slice(-2);
  const { g } = own;
  return [{
    key: keyOf("attention_short_backward", [
      attentionKey(attributes),
      g.scoreRow,
    ], dims),
    views: [...inputs.slice(0, 4), lse, dOut, ...outputs],
    writes: [6, 7, 8],
    dims,
    scratch: own.bytes,
    build: (k) =>
      eachHead(k, g.kvHeads, (row0, kvHead) => {
        const first = k.f.local("i64", i64.mul(kvHead, i64.const(g.group)));
        backward(k, own, { row0, kvHead, head: first, adds: false });
        // dK and dV are sums over the query heads of the group
        k.f.for(i64.const(1), i64.const(g.group), 1, (member) => {
          const head = k.f.local("i64", i64.add(first, member));
          backward(k, own, { row0, kvHead, head, adds: true });
        });
      }),
  }];
}

/** Runs `body` for each head of each row of the batch; `row0` is the row's first position over the batch. */
function eachHead(
  k: Kernel,
  heads: number,
  body: (row0: Int, head: Int) => void,
): void {
  const { f } = k;
  const [B, T] = k.dims;
  k.pieces(i64.mul(B, i64.const(heads)), (piece) => {
    const b = f.local("i64", i64.divU(piece, i64.const(heads)));
    const head = i64.sub(piece, i64.mul(b, i64.const(heads)));
    body(f.local("i64", i64.mul(b, T)), f.local("i64", head));
  });
}

/** A matrix: where it is, and bytes from row to row. */
interface Matrix {
  readonly at: Int;
  readonly row: number;
}

/** A head of a row of the batch, in one of the launch's tensors. */
function headIn(
  k: Kernel,
  { g }: Short,
  { view, kind, row0, head }: {
    readonly view: number;
    readonly kind: "query" | "key";
    readonly row0: Int;
    readonly head: Int;
  },
): Matrix {
  const row = kind === "query" ? g.qRow : g.kRow;
  const inRow = i64.mul(head, i64.const(4 * g.headDim));
  const start = i64.add(k.at[view], i64.mul(row0, i64.const(row)));
  return { at: k.f.local("i64", i64.add(start, inRow)), row };
}

/** c = or += scale op(a) op(b): T x T where `over` is the head's size, else T x the head's size. */
function multiply(
  k: Kernel,
  { g }: Short,
  p: {
    readonly transposed: "a" | "b" | null;
    readonly a: Matrix;
    readonly b: Matrix;
    readonly c: Matrix;
    readonly scale: number;
    readonly adds?: boolean;
  },
): void {
  const T = k.dims[1], size = i64.const(g.headDim);
  k.gemm({
    factors: "f32",
    small: true,
    transposed: p.transposed,
    m: T,
    n: p.transposed === "b" ? T : size,
    k: p.transposed === "b" ? size : T,
    a: p.a.at,
    aRow: p.a.row,
    b: p.b.at,
    bRow: p.b.row,
    c: p.c.at,
    cRow: p.c.row,
    accumulate: p.adds === true,
    scale: p.scale,
  });
}

/** The block of all scores, as machine code wants it described. */
function wholeBlock(k: Kernel, own: Short, row0: Int) {
  const { f } = k;
  const at = f.local("i64", element(k.at[3], row0));
  const count = k.dims[1];
  return {
    at: i64.add(k.scratch, i64.const(own.description)),
    scores: k.scratch,
    rows: count,
    keys: {
      firstKey: i64.const(0),
      count,
      segments: { at, same: sameSegment(f, { at, count }) },
    },
    query: i64.const(0),
    segment: at,
  };
}

function forward(k: Kernel, own: Short, row0: Int, head: Int): void {
  const { f } = k;
  const { g, attributes } = own;
  const kvHead = f.local("i64", i64.divU(head, i64.const(g.group)));
  const of = (view: number, kind: "query" | "key") =>
    headIn(k, own, { view, kind, row0, head: kind === "key" ? kvHead : head });
  const scores = { at: k.scratch, row: g.scoreRow };
  multiply(k, own, {
    transposed: "b",
    a: of(0, "query"),
    b: of(1, "key"),
    c: scores,
    scale: g.scoreScale,
  });
  const inScratch = (offset: number) => i64.add(k.scratch, i64.const(offset));
  callNative(k, { attributes, g }, "forwardWhole", {
    block: wholeBlock(k, own, row0),
    own: { maxima: inScratch(own.maxima), sums: inScratch(own.sums) },
  });
  multiply(k, own, {
    transposed: null,
    a: scores,
    b: of(2, "key"),
    c: of(4, "query"),
    scale: 1,
  });
  // four queries at a time: their numbers are a row of lse apart
  const perHead = f.local(
    "i64",
    element(k.at[5], i64.add(i64.mul(row0, i64.const(g.heads)), head)),
  );
  vectorLoop(f, { from: i64.const(0), to: k.dims[1] }, ({ index, rest }) => {
    const slot = f.local("i64", element(k.scratch, index));
    const sum = f.local("v128", v128.load(slot, own.sums));
    const lse = f.local(
      "v128",
      f32x4.add(v128.load(slot, own.maxima), log(f, sum)),
    );
    for (let lane = 0; lane < 4; lane++) {
      const store = () => f.storeLane32(perHead, lse, lane, 4 * g.heads * lane);
      if (rest === null || lane === 0) store();
      else f.if(i64.gtS(rest, i64.const(lane)), store);
    }
    f.increase(perHead, i64.const(16 * g.heads));
  });
}

/** One query head with its keys; `adds`: dK and dV have sums of other heads already. */
function backward(
  k: Kernel,
  own: Short,
  { row0, kvHead, head, adds }: {
    readonly row0: Int;
    readonly kvHead: Int;
    readonly head: Int;
    readonly adds: boolean;
  },
): void {
  const { f } = k;
  const { g, attributes } = own;
  const of = (view: number, kind: "query" | "key") =>
    headIn(k, own, { view, kind, row0, head: kind === "key" ? kvHead : head });
  const [queries, keys, values] = [of(0, "query"), of(1, "key"), of(2, "key")];
  const dOut = of(5, "query");
  const scores = { at: k.scratch, row: g.scoreRow };
  const at = f.local("i64", i64.add(k.scratch, i64.const(own.slopes)));
  const slopes = { at, row: g.scoreRow };
  const bySize = { transposed: "b" } as const;
  multiply(k, own, {
    ...bySize,
    a: queries,
    b: keys,
    c: scores,
    scale: g.scoreScale,
  });
  multiply(k, own, { ...bySize, a: dOut, b: values, c: slopes, scale: 1 });
  const perHead = i64.add(i64.mul(row0, i64.const(g.heads)), head);
  callNative(k, { attributes, g }, "backwardWhole", {
    block: wholeBlock(k, own, row0),
    own: {
      slopes: at,
      logs: element(k.at[4], perHead),
      step: i64.const(4 * g.heads),
    },
  });
  const byQueries = { transposed: "a", adds } as const;
  multiply(k, own, {
    ...byQueries,
    a: scores,
    b: dOut,
    c: of(8, "key"),
    scale: 1,
  });
  const scale = g.slopeScale;
  multiply(k, own, {
    ...byQueries,
    a: slopes,
    b: queries,
    c: of(7, "key"),
    scale,
  });
  multiply(k, own, {
    transposed: null,
    a: slopes,
    b: keys,
    c: of(6, "query"),
    scale,
  });
}
