/**
 * The backward pass of few heads, cut into more pieces than there are heads, so that workers have the same to do.
 *
 * A part has some of the blocks of keys, and sums dQ over these alone; the sums of all parts are added at the end, in
 * their order. Under a causal mask early keys are seen by many queries and late ones by few: blocks are dealt out from
 * both ends.
 *
 * ```text
 * block of keys   0 1 2 3 | 4 5 6 7 | ...        seen by 16 15 14 13 | 12 11 10 9 | ... blocks of queries
 * two parts       0 1 1 0 | 0 1 1 0 | ...
 * ```
 * How many parts there are depends on shapes alone, and so do the bits.
 * @module
 */
import {
  type AttentionAttributes,
  type Extents,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import { f32x4, i64, type Int, v128 } from "../../assembler/mod.ts";
import type { Geometry } from "./geometry.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";
import { storeLanes, vectorLoop } from "../vector_loop.ts";

/** Heads and parts of a batch together, from which on heads are not cut further. */
const ENOUGH_PIECES = 8;
/** Each part but the first takes the memory of dQ once more. */
const MOST_PARTS = 4;

/** Parts of each key/value head, a power of two. */
export function partsOf(
  attributes: AttentionAttributes,
  g: Geometry,
  capacities: Extents,
): number {
  const heads = sizeOf(attributes.B, capacities) * attributes.kvHeads;
  const blocks = Math.ceil(sizeOf(attributes.T, capacities) / g.keys);
  let parts = 1;
  // two blocks of keys for each part at least: an early one and a late one
  while (
    parts < MOST_PARTS && parts * heads < ENOUGH_PIECES && 4 * parts <= blocks
  ) parts *= 2;
  return parts;
}

/** Runs `body` with the first key of each block of a part, in the order of the keys. */
export function eachKeyBlock(
  k: Kernel,
  g: Geometry,
  { part, parts }: { part: Int; parts: number },
  body: (firstKey: Int) => void,
): void {
  const { f } = k;
  const T = k.dims[1];
  if (parts === 1) return f.for(i64.const(0), T, g.keys, body);
  const round = 2 * parts * g.keys;
  const late = f.local("i64", i64.sub(i64.const(2 * parts - 1), part));
  const firstKey = f.local("i64");
  f.for(i64.const(0), T, round, (start) =>
    // the early block of the round, then the late one: two turns of one loop, for the code is long
    f.for(i64.const(0), i64.const(2), 1, (turn) => {
      f.set(firstKey, i64.add(part, i64.mul(turn, i64.sub(late, part))));
      f.set(
        firstKey,
        i64.add(start, i64.mul(firstKey, i64.const(g.keys))),
      );
      f.if(i64.ltS(firstKey, T), () => body(firstKey));
    }));
}

/** Bytes of one part's dQ. */
export function partBytes(
  attributes: AttentionAttributes,
  g: Geometry,
  capacities: Extents,
): number {
  return g.qRow * sizeOf(attributes.B, capacities) *
    sizeOf(attributes.T, capacities);
}

/** The launch that adds the sums of the other parts, which are `from` .. in the temporary memory, to dQ. */
export function sumPartsLaunch(
  attributes: AttentionAttributes,
  dQ: View,
  parts: {
    readonly g: Geometry;
    readonly from: number;
    readonly bytes: number;
    readonly count: number;
    readonly temporaryBytes: number;
  },
): Launch {
  const { g, from, bytes, count } = parts;
  const dims = [attributes.B, attributes.T];
  return {
    key: keyOf("attention_parts", [g.qRow, from, bytes, count], dims),
    views: [dQ],
    writes: [0],
    dims,
    temporary: { bytes: parts.temporaryBytes, use: "read" },
    build: (k) => {
      const { f } = k;
      const rows = i64.mul(k.dims[0], k.dims[1]);
      const numbers = f.hold(i64.mul(rows, i64.const(g.qRow / 4)));
      k.ranges(
        numbers,
        16384,
        (start, end) =>
          vectorLoop(f, { from: start, to: end }, ({ index, rest }) => {
            const sum = f.local("v128", v128.load(element(k.at[0], index)));
            const other = f.local("i64", element(k.temporary, index));
            for (let part = 1; part < count; part++) {
              const at = v128.load(other, from + (part - 1) * bytes);
              f.set(sum, f32x4.add(sum, at));
            }
            storeLanes(f, { address: element(k.at[0], index) }, sum, rest);
          }),
      );
    },
  };
}
