/**
 * Attention forward: for a block of queries of one head, key blocks pass by, with a running maximum and sum a
 * query. Nothing larger than a block of scores exists.
 *
 * ```text
 *              keys 0..63   64..127   128..191      per query: maximum m, sum l, row o = 0
 * queries      +----------+---------+--------+      for each block of keys:
 * 48 .. 95     | S = Q Kt | S = ... | unseen |        m' = max(m, S)   p = exp(S - m')
 *              +----------+---------+--------+        l = l exp(m - m') + sum p    o = o exp(m - m') + p V
 *                                                   out = o / l      lse = m + log l
 * ```
 * @module
 */
import {
  type AttentionAttributes,
  type Extents,
  type KernelAttributes,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import { i64, type Int, type Local } from "../../assembler/mod.ts";
import {
  attentionKey,
  type Found,
  geometryOf,
  productsOf,
  rangeBytes,
  rangesLaunch,
  segmentSpan,
} from "./geometry.ts";
import { roundedAt, roundLaunch } from "./factors.ts";
import {
  diagonalOf,
  packKeys,
  queriesByKeys,
  scoresByKeys,
} from "./products.ts";
import { callNative, isNative } from "./native_weights.ts";
import { type KeySegments, sameSegment } from "./sight.ts";
import {
  type Block,
  clearSums,
  finish,
  scratchOf,
  softmaxRow,
  type Variant,
} from "./softmax.ts";
import { allSeeing, endWithSegments, stepToDiagonal } from "./steps.ts";
import { checkedIndex } from "../convert.ts";
import { isShort, lowerShortAttention } from "./short_rows.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";

/** The launches of an `attention` call. */
export function lowerAttention(
  attributes: AttentionAttributes,
  inputs: readonly View[],
  outputs: readonly View[],
  { capacities, ...libraries }: Found & { readonly capacities: Extents },
): Launch[] {
  if (isShort(attributes, capacities, libraries)) {
    return lowerShortAttention(attributes, inputs, outputs, capacities);
  }
  const [q, k, v, segments, ...rowKeys] = inputs;
  const dims = [attributes.B, attributes.T];
  const T = sizeOf(attributes.T, capacities);
  const products = productsOf(attributes, T, libraries);
  const g = geometryOf({ attributes, products, capacity: T });
  const rows = sizeOf(attributes.B, capacities) * T;
  const [width, kvWidth] = [g.qRow / 4, g.kRow / 4];
  const rounded = products === "bf16"
    ? roundedAt([[q, width], [k, kvWidth], [v, kvWidth]], {
      at: rangeBytes(rows),
      rows,
    })
    : null;
  const bytes = rounded?.end ?? rangeBytes(rows);
  const variant: Variant = {
    attributes,
    products,
    native: isNative(attributes, products, libraries.machineCode),
    capacity: T,
    rounded: rounded?.list.map(({ at }) => at) ?? null,
    cache: null,
  };
  return [
    rangesLaunch(attributes, segments, bytes),
    ...(rounded === null
      ? []
      : [roundLaunch(rounded.list, [attributes.B, attributes.T], bytes)]),
    {
      key: keyOf("attention", [
        attentionKey(attributes),
        products,
        variant.native,
        g.queries,
        g.keys,
        variant.rounded,
      ], dims),
      views: [q, k, v, segments, ...outputs, ...rowKeys],
      writes: [4, 5],
      dims,
      temporary: { bytes, use: "read" },
      scratch: scratchOf(g).bytes,
      build: (kernel) => build(kernel, variant),
    },
  ];
}

/** The launches of an `attention_cached` call. */
export function lowerCachedAttention(
  attributes: KernelAttributes["attention_cached"],
  inputs: readonly View[],
  out: View,
  _capacities: Extents,
): Launch[] {
  const dims = [attributes.B, attributes.T];
  const variant: Variant = {
    attributes: { ...attributes, causal: true },
    products: "tiles",
    native: false,
    capacity: attributes.capacity,
    rounded: null,
    cache: attributes,
  };
  return [{
    key: keyOf("attention_cached", [
      attentionKey(attributes),
      attributes.slots,
      attributes.capacity,
    ], dims),
    views: [...inputs, out],
    writes: [5],
    dims,
    scratch: scratchOf(geometryOf(variant)).bytes,
    build: (kernel) => build(kernel, variant),
  }];
}

function build(k: Kernel, variant: Variant): void {
  const { f } = k;
  const g = geometryOf(variant);
  const [B, T] = k.dims;
  // A piece is a block of queries of one head of one row of the batch: it reads keys and values, and writes
  // its own rows of out alone.
  const blocks = f.hold(i64.ceilDiv(T, g.queries));
  const perRow = f.hold(i64.mul(blocks, i64.const(g.heads)));
  k.pieces(i64.mul(B, perRow), (piece) => {
    // late blocks first: they see the most keys when attention is causal
    const turned = f.local(
      "i64",
      i64.divU(piece, i64.mul(B, i64.const(g.heads))),
    );
    const inside = f.local(
      "i64",
      i64.sub(piece, i64.mul(turned, i64.mul(B, i64.const(g.heads)))),
    );
    const b = f.local("i64", i64.divU(inside, i64.const(g.heads)));
    const head = f.local(
      "i64",
      i64.sub(inside, i64.mul(b, i64.const(g.heads))),
    );
    const first = f.local(
      "i64",
      i64.mul(
        i64.sub(i64.sub(blocks, i64.const(1)), turned),
        i64.const(g.queries),
      ),
    );
    const queries = f.local("i64", i64.sub(T, first));
    f.set(queries, i64.min(queries, i64.const(g.queries)));
    // With a cache the queries come behind `shift` tokens that are there already, and the keys are those of the
    // row's slot; without one keys and queries are the same rows.
    const { cache } = variant;
    const shift = f.local(
      "i64",
      cache === null ? i64.const(0) : i64.load32S(element(k.at[3], b)),
    );
    const keyRow0 = f.local(
      "i64",
      cache === null ? i64.mul(b, T) : i64.mul(
        checkedIndex(f, element(k.at[4], b), i64.const(cache.slots)),
        i64.const(cache.capacity),
      ),
    );
    block(k, variant, { b, head, first, queries, shift, keyRow0 });
  });
}

function block(k: Kernel, variant: Variant, own: Block): void {
  const { f } = k;
  const g = geometryOf(variant);
  const s = scratchOf(g);
  const at = (offset: number) => i64.add(k.scratch, i64.const(offset));
  const T = k.dims[1];
  // Addresses of the block: q and out by their own head, k and v by the head of the group.
  const row0 = f.local("i64", i64.add(i64.mul(own.b, T), own.first)); // of q, over the batch
  const headBytes = f.local("i64", i64.mul(own.head, i64.const(4 * g.headDim)));
  const kvHead = f.local("i64", i64.divU(own.head, i64.const(g.group)));
  const factorAt = (which: 0 | 1 | 2, row: Int, head: Int) => {
    const base = variant.rounded === null
      ? k.at[which]
      : i64.add(k.temporary, i64.const(variant.rounded[which]));
    const rowBytes = which === 0 ? g.qFactorRow : g.kFactorRow;
    const inRow = i64.mul(head, i64.const(g.factorBytes * g.headDim));
    return f.local(
      "i64",
      i64.add(base, i64.add(i64.mul(row, i64.const(rowBytes)), inRow)),
    );
  };
  const queries = factorAt(0, row0, own.head);
  const keys = factorAt(1, own.keyRow0, kvHead);
  const values = factorAt(2, own.keyRow0, kvHead);
  // Keys that nobody in the block sees are never read: the loop is over low .. high, not over T.
  const range = keyRange(k, variant, own, row0);
  clearSums(k, own.queries, g);
  const seeing = allSeeing(k, g, own.queries);
  const firstQuery = f.local("i64", i64.add(own.shift, own.first));
  // One block of keys after the other, with the running softmax: S = Q Kt, then row by row the maximum, the
  // weights and the correction of the sums so far, then O += P V.
  f.for(range.low, range.high, seeing.step, (firstKey) => {
    stepToDiagonal(k, g, seeing, { firstKey, firstQuery });
    const count = f.local("i64", i64.sub(range.high, firstKey));
    f.set(count, i64.min(count, seeing.step));
    endWithSegments(k, g, seeing, {
      row0: own.keyRow0,
      firstKey,
      count,
      firstQuery,
      queries: own.queries,
    });
    const rows = f.local("i64", i64.sub(seeing.to, seeing.from));
    f.if(i64.gtS(rows, i64.const(0)), () => {
      const block = (base: Int) => ({
        at: f.local(
          "i64",
          i64.add(base, i64.mul(firstKey, i64.const(g.kFactorRow))),
        ),
        count,
      });
      /** Address of the first row that sees any of the keys. */
      const seeingRow = (base: Int, rowBytes: number) =>
        f.local(
          "i64",
          i64.add(base, i64.mul(seeing.from, i64.const(rowBytes))),
        );
      const keyBlock = block(keys);
      const scores = seeingRow(at(s.scores), g.scoreRow);
      const diagonal = diagonalOf(k, variant, {
        query: firstQuery,
        key: firstKey,
      });
      // The micro-kernel wants keys as panels; they are packed once a block of queries.
      packKeys(k, g, keyBlock, at(s.keys));
      queriesByKeys(k, g, {
        queries: { at: seeingRow(queries, g.qFactorRow), count: rows },
        keys: keyBlock,
        packed: at(s.keys),
        scores,
        diagonal,
        scale: g.scoreScale,
      });
      const seen = segmentsOf(k, variant, {
        firstKey,
        count,
        row0: i64.sub(row0, own.first),
      });
      if (variant.native) {
        const of = (base: number, bytes: number) => seeingRow(at(base), bytes);
        callNative(k, { attributes: variant.attributes, g }, "forward", {
          block: {
            at: at(s.description),
            scores,
            rows,
            keys: seen,
            query: i64.add(firstQuery, seeing.from),
            segment: element(k.at[3], i64.add(row0, seeing.from)),
          },
          own: {
            maxima: of(s.maxima, 4),
            sums: of(s.sums, 4),
            result: of(s.result, 4 * g.padded),
            resultRow: i64.const(4 * g.padded),
          },
        });
      } else {
        f.for(seeing.from, seeing.to, 1, (i) => {
          const query = {
            i,
            block: seen,
            row0,
            first: own.first,
            shift: own.shift,
            head: own.head,
          };
          softmaxRow(k, variant, query);
        });
      }
      scoresByKeys(k, g, {
        scores,
        keys: block(values),
        queries: rows,
        out: seeingRow(at(s.result), 4 * g.padded),
        outRow: 4 * g.padded,
        diagonal,
        scale: 1,
      });
    });
  });
  finish(k, variant, { own, row0, headBytes });
}

/** A block of keys with their segments, of which a cache has one alone; `row0` is the row's first position. */
function segmentsOf(
  k: Kernel,
  { cache }: Variant,
  { firstKey, count, row0 }: { firstKey: Int; count: Int; row0: Int },
): KeySegments {
  if (cache !== null) return { firstKey, count, segments: null };
  const at = k.f.local("i64", element(k.at[3], i64.add(row0, firstKey)));
  const same = sameSegment(k.f, { at, count });
  return { firstKey, count, segments: { at, same } };
}

/** Keys that any query of the block can see. */
function keyRange(
  k: Kernel,
  variant: Variant,
  own: Block,
  row0: Local<"i64">,
): { low: Int; high: Int } {
  const { f } = k;
  const { attributes: { causal, window }, cache } = variant;
  const last = f.local(
    "i64",
    i64.add(own.shift, i64.add(own.first, i64.sub(own.queries, i64.const(1)))),
  );
  // Without a cache: from the first segment's start to the last one's end, over the block's queries.
  const { low, high } = cache === null
    ? segmentSpan(k, { first: row0, count: own.queries })
    : {
      low: f.local("i64", i64.const(0)),
      high: f.local("i64", i64.const(cache.capacity)),
    };
  if (causal || window !== null) {
    // Causal: nothing after the last query. A window bounds both sides.
    const beyond = f.local(
      "i64",
      i64.add(last, i64.const(causal ? 1 : window ?? 1)),
    );
    f.set(high, i64.min(high, beyond));
  }
  if (window !== null) {
    const from = f.local(
      "i64",
      i64.add(i64.add(own.shift, own.first), i64.const(1 - window)),
    );
    f.set(low, i64.max(low, from));
  }
  return { low, high };
}
