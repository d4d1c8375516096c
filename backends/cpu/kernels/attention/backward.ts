/**
 * Attention backward. A piece is one key/value head of one row of the batch with all its query heads, or a part of
 * its keys where heads are few: key blocks outside, query blocks inside, so that dK and dV of a block are summed in
 * the worker's own memory and dQ where it ends up, always in the same order and without atomics.
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
} from "@denotune/denotune/device";
import { f32x4, i64, type Int, v128 } from "../../assembler/mod.ts";
import {
  attentionKey,
  type Found,
  geometryOf,
  productsOf,
  rangeBytes,
  rangesLaunch,
  segmentSpan,
} from "./geometry.ts";
import { buildDeltas } from "./deltas.ts";
import { roundedAt, roundLaunch } from "./factors.ts";
import { isNative } from "./native_weights.ts";
import { packKeys } from "./products.ts";
import {
  eachKeyBlock,
  partBytes,
  partsOf,
  sumPartsLaunch,
} from "./query_parts.ts";
import {
  emitBlockPair,
  factorAt,
  headAt,
  headOf,
  type KvHead,
  scratchOf,
  sumOfQueries,
  type Variant,
} from "./block_pair.ts";
import { sameSegment } from "./sight.ts";
import { stepFromDiagonal } from "./steps.ts";
import { isShort, lowerShortAttentionBackward } from "./short_rows.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";
import { storeLanes, vectorLoop } from "../vector_loop.ts";

/** The launches of an `attention_backward` call. */
export function lowerAttentionBackward(
  attributes: AttentionAttributes,
  inputs: readonly View[],
  outputs: readonly View[],
  { capacities, ...libraries }: Found & { readonly capacities: Extents },
): Launch[] {
  const [q, k, v, segments] = inputs;
  const [out, lse, dOut] = inputs.slice(-3);
  // with factors of bf16 the output was rounded when it was kept, and its gradients are those of what was kept
  if (
    attributes.factors !== "bf16" && isShort(attributes, capacities, libraries)
  ) {
    return lowerShortAttentionBackward(attributes, inputs, outputs, capacities);
  }
  const rowKeys = inputs.slice(4, -3);
  const dims = [attributes.B, attributes.T];
  const capacity = sizeOf(attributes.T, capacities);
  const positions = sizeOf(attributes.B, capacities) * capacity;
  const products = productsOf(attributes, capacity, libraries);
  const g = geometryOf({ attributes, products, capacity });
  const direct = scratchOf(g, 0).direct;
  const parts = direct ? partsOf(attributes, g, capacities) : 1;
  const ofPart = partBytes(attributes, g, capacities);
  // ranges of segments, sums of dO * O, dQ of all parts but the first, factors in bf16
  const deltasAt = rangeBytes(positions);
  const partsAt = deltasAt + 4 * positions * attributes.heads;
  const roundedFrom = partsAt + (parts - 1) * ofPart;
  const [width, kvWidth] = [g.qRow / 4, g.kRow / 4];
  const rounded = products === "bf16"
    ? roundedAt([[q, width], [k, kvWidth], [v, kvWidth], [dOut, width]], {
      at: roundedFrom,
      rows: positions,
    })
    : null;
  const bytes = rounded?.end ?? roundedFrom;
  const variant: Variant = {
    attributes,
    products,
    native: isNative(attributes, products, libraries.machineCode),
    rounded: rounded?.list.map(({ at }) => at) ?? null,
    deltasAt,
    capacity,
    parts: { count: parts, at: partsAt, bytes: ofPart },
  };
  return [
    rangesLaunch(attributes, segments, bytes),
    {
      key: keyOf("attention_deltas", [
        g.heads,
        g.headDim,
        g.factorBytes,
        deltasAt,
      ], dims),
      views: [out, dOut],
      writes: [],
      dims,
      temporary: { bytes, use: "write" },
      build: (kernel) => buildDeltas(kernel, g, deltasAt),
    },
    ...(rounded === null
      ? []
      : [roundLaunch(rounded.list, [attributes.B, attributes.T], bytes)]),
    {
      key: keyOf("attention_backward", [
        attentionKey(attributes),
        products,
        variant.native,
        variant.rounded,
        deltasAt,
        capacity,
        variant.parts,
      ], dims),
      views: [q, k, v, segments, lse, dOut, ...outputs, ...rowKeys],
      writes: [6, 7, 8],
      dims,
      temporary: { bytes, use: parts === 1 ? "read" : "write" },
      scratch: scratchOf(g, capacity).bytes,
      build: (kernel) => build(kernel, variant),
    },
    ...(parts === 1 ? [] : [
      sumPartsLaunch(attributes, outputs[0], {
        g,
        from: partsAt,
        bytes: ofPart,
        count: parts,
        temporaryBytes: bytes,
      }),
    ]),
  ];
}

function build(k: Kernel, variant: Variant): void {
  const { f } = k;
  const g = geometryOf(variant);
  const [B, T] = k.dims;
  const { parts } = variant;
  // A piece is one key/value head of one row of the batch, with all query heads of its group, or a part of its
  // keys: dK, dV and the part's dQ of these are written by nobody else, so that no sum needs an atomic.
  k.pieces(i64.mul(B, i64.const(g.kvHeads * parts.count)), (piece) => {
    const head = f.local("i64", i64.divU(piece, i64.const(parts.count)));
    const part = f.local(
      "i64",
      i64.sub(piece, i64.mul(head, i64.const(parts.count))),
    );
    const b = f.local("i64", i64.divU(head, i64.const(g.kvHeads)));
    const kvHead = f.local(
      "i64",
      i64.sub(head, i64.mul(b, i64.const(g.kvHeads))),
    );
    const row0 = f.local("i64", i64.mul(b, T));
    // the first part sums in the output, the others in the temporary memory
    const dQ = f.local("i64", k.at[6]);
    f.if(i64.gtS(part, i64.const(0)), () =>
      f.set(
        dQ,
        i64.add(
          i64.add(k.temporary, i64.const(parts.at - parts.bytes)),
          i64.mul(part, i64.const(parts.bytes)),
        ),
      ));
    const own = { row0, kvHead, dQ };
    // dQ begins at 0, where it is summed: in the output or, in whole tiles, in the worker's own memory.
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
    // Blocks of keys outside, queries inside: dK and dV of a block stay in the worker's own memory until all
    // queries have added to them; dQ is added to once a block of keys, in the order of the keys.
    eachKeyBlock(
      k,
      g,
      { part, parts: parts.count },
      (firstKey) => keyBlock(k, variant, own, firstKey),
    );
    // From there to the output, without what pads a head to whole tiles.
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

/** Runs `body` for each query of each head of the group: where its dQ is summed, and where it is stored. */
function eachQueryRow(
  k: Kernel,
  variant: Variant,
  own: KvHead,
  body: (at: { sum: Int; out: Int }) => void,
): void {
  const { f } = k;
  const g = geometryOf(variant);
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
function keyBlock(
  k: Kernel,
  variant: Variant,
  own: KvHead,
  firstKey: Int,
): void {
  const { f } = k;
  const g = geometryOf(variant);
  const s = scratchOf(g, variant.capacity);
  const at = (offset: number) => i64.add(k.scratch, i64.const(offset));
  // Keys firstKey .. firstKey + count; `row` is the first of them over the batch.
  const count = f.local("i64", i64.sub(k.dims[1], firstKey));
  f.set(count, i64.min(count, i64.const(g.keys)));
  const row = f.local("i64", i64.add(own.row0, firstKey));
  const blockOf = (base: Int) =>
    f.local("i64", headAt(base, g.kRow, row, own.kvHead, g));
  const head = { row, head: own.kvHead };
  const keys = f.local("i64", factorAt(k, variant, 1, head));
  const values = f.local("i64", factorAt(k, variant, 2, head));
  const segments = f.local("i64", element(k.at[3], row));
  const block = {
    firstKey,
    count,
    segments: {
      at: segments,
      same: sameSegment(f, { at: segments, count }),
    },
  };
  for (
    const [source, target] of [[keys, s.keys], [values, s.values]] as const
  ) {
    packKeys(k, g, { at: source, count }, at(target));
  }
  // dK and dV of the block begin at 0 (they are neighbours in memory).
  const sums = f.local("i64", at(s.dKeys));
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(2 * g.keys * g.padded) },
    ({ index }) => f.store(element(sums, index), f32x4.const(0)),
  );
  // Queries that see nothing of the block are skipped: causal attention does half of the pairs.
  const range = queryRange(k, variant, own, { firstKey, count });
  const step = f.local("i64", i64.const(g.queries));
  f.for(
    i64.const(0),
    i64.const(g.group),
    1,
    (member) =>
      f.for(range.low, range.high, step, (query) => {
        const seen = stepFromDiagonal(k, g, { firstKey, count, query, step });
        const queries = f.local("i64", i64.sub(range.high, query));
        f.set(queries, i64.min(queries, step));
        const head = f.local("i64", headOf(own, g, member));
        emitBlockPair(k, variant, own, {
          block: { ...block, count: seen ?? count },
          keys,
          values,
          member,
          head,
          query,
          queries,
        });
      }),
  );
  // All queries have been: the sums go to dK and dV, without what pads a head to whole tiles.
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
  own: KvHead,
  block: { firstKey: Int; count: Int },
): { low: Int; high: Int } {
  const { f } = k;
  const { causal, window } = variant.attributes;
  // From the first query of the first key's segment to the last one of the last key's.
  const { low, high } = segmentSpan(k, {
    first: i64.add(own.row0, block.firstKey),
    count: block.count,
  });
  if (causal || window !== null) {
    const from = f.local(
      "i64",
      i64.add(block.firstKey, i64.const(causal ? 0 : 1 - (window ?? 1))),
    );
    f.set(low, i64.max(low, from));
  }
  if (window !== null) {
    const beyond = f.local(
      "i64",
      i64.add(i64.add(block.firstKey, block.count), i64.const(window - 1)),
    );
    f.set(high, i64.min(high, beyond));
  }
  return { low, high };
}
