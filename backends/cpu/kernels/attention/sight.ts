/**
 * The keys of a block that one query sees, and loops over its row of scores that mask only where they must.
 *
 * ```text
 *   keys of the block   0 . . . . . . . . . . . . . . . . . . . count
 *   the query sees              from ===================== to
 *   vectors of four     |zeros|masked|   plain: no mask   |masked|zeros|
 * ```
 * Of a causal row of 2,048 positions all but a few in a hundred vectors are plain. Hidden keys outside of the masked vectors are
 * never computed: their weights are stored as 0. Where a block of keys has several segments, all vectors are masked.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import {
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Int,
  type Local,
  v128,
  type Value,
  type Vector,
} from "../../assembler/mod.ts";
import { element } from "../launch.ts";

/** Scores that count for nothing; finite, so that differences are numbers. */
export const HIDDEN = -3e38;
/** Scores up to here are hidden. */
export const HIDDEN_LIMIT = -1e38;

/** A block of keys: its first position in the row, how many, and their segments. */
export interface KeySegments {
  readonly firstKey: Int;
  readonly count: Int;
  /** Address of the keys' segments, and 1 where all are the same; null: one segment. */
  readonly segments: { readonly at: Int; readonly same: Value<"i32"> } | null;
}

/** Of one query and a block of keys: indices in the block; the inner four are multiples of four. */
export interface Sight {
  readonly block: KeySegments;
  /** First position that is seen, or null: from the start. */
  readonly low: Int | null;
  /** First position that is not seen any more. */
  readonly high: Int;
  /** The query's segment in every lane; null: one segment. */
  readonly segment: Vector | null;
  readonly maskedFrom: Local<"i64">;
  readonly plainFrom: Local<"i64">;
  readonly plainTo: Local<"i64">;
  readonly maskedTo: Local<"i64">;
  /** The block's keys, up to whole vectors. */
  readonly width: Int;
}

/** Whether the segments of a block of keys are all the same: 1 or 0. */
export function sameSegment(
  f: FunctionBuilder,
  keys: { at: Int; count: Int },
): Local<"i32"> {
  const first = f.local("v128", v128.load32Splat(keys.at));
  const differs = f.local("v128", v128.const32([0, 0, 0, 0]));
  // from the last four down: where the count is no multiple of four, some are looked at twice and none beyond
  const last = f.local("i64", i64.sub(keys.count, i64.const(4)));
  const same = f.local("i32", i32.const(0));
  f.if(i64.geS(last, i64.const(0)), () => {
    f.for(i64.const(0), keys.count, 4, (index) => {
      const four = v128.load(element(keys.at, i64.min(index, last)));
      f.set(differs, v128.or(differs, v128.xor(four, first)));
    });
    f.set(same, i32.eqz(v128.anyTrue(differs)));
  });
  return same;
}

/** The keys of a block that the query at `position` sees; `segment` is the address of its own. */
export function sightOf(
  f: FunctionBuilder,
  { causal, window }: AttentionAttributes,
  query: { position: Int; segment: Int | null; block: KeySegments },
): Sight {
  const { block } = query;
  const { firstKey, count } = block;
  const four = (value: Int) => i64.and(value, i64.const(-4));
  const up = (value: Int) => four(i64.add(value, i64.const(3)));
  const high = f.local("i64", i64.add(firstKey, count));
  // A causal query sees itself and earlier positions; with a window alone also as much after.
  const reach = causal ? 1 : window;
  if (reach !== null) {
    const beyond = f.local("i64", i64.add(query.position, i64.const(reach)));
    f.set(high, i64.min(high, beyond));
  }
  const low = window === null
    ? null
    : f.local("i64", i64.add(query.position, i64.const(1 - window)));
  const from = f.local("i64", i64.const(0));
  if (low !== null) {
    const begin = f.local("i64", i64.sub(low, firstKey));
    f.set(from, i64.max(begin, from));
    f.set(from, i64.min(from, count));
  }
  const to = f.local("i64", i64.sub(high, firstKey));
  f.set(to, i64.max(to, from));
  const plainFrom = f.local("i64", up(from)), plainTo = f.local("i64");
  f.set(plainTo, four(to));
  f.set(plainTo, i64.max(plainTo, plainFrom));
  const maskedFrom = f.local("i64", four(from));
  const maskedTo = f.local("i64", up(to));
  const segment = query.segment === null
    ? null
    : f.local("v128", v128.load32Splat(query.segment));
  const { segments } = block;
  if (segments !== null && query.segment !== null) {
    const own = i32.load(query.segment);
    f.if(segments.same, () => {
      // one segment of keys, another of the query: nothing is seen
      f.if(i32.ne(own, i32.load(segments.at)), () => {
        f.set(maskedTo, maskedFrom);
        f.set(plainFrom, maskedFrom);
        f.set(plainTo, maskedFrom);
      });
    }, () => {
      f.set(plainFrom, maskedFrom);
      f.set(plainTo, maskedFrom);
    });
  }
  const width = f.local("i64", up(count));
  return {
    block,
    low,
    high,
    segment,
    maskedFrom,
    plainFrom,
    plainTo,
    maskedTo,
    width,
  };
}

/** Runs `masked` for vectors that may hold hidden keys and `plain` for the others, in the order of the keys. */
export function eachSeen(
  f: FunctionBuilder,
  sight: Sight,
  body: {
    readonly masked: (index: Int, mask: Vector) => void;
    readonly plain: (index: Int) => void;
  },
): void {
  const masked = (from: Int, to: Int) =>
    f.for(from, to, 4, (index) => body.masked(index, maskOf(f, sight, index)));
  if (sight.low !== null) masked(sight.maskedFrom, sight.plainFrom);
  f.for(sight.plainFrom, sight.plainTo, 4, body.plain);
  masked(sight.plainTo, sight.maskedTo);
}

/** Runs `hidden(index)` for vectors of which the query sees no key. */
export function eachHidden(
  f: FunctionBuilder,
  sight: Sight,
  hidden: (index: Int) => void,
): void {
  if (sight.low !== null) f.for(i64.const(0), sight.maskedFrom, 4, hidden);
  f.for(sight.maskedTo, sight.width, 4, hidden);
}

/** All ones where the query sees the keys `index` .. `index` + 3 of the block. */
function maskOf(f: FunctionBuilder, sight: Sight, index: Int): Vector {
  const splat = (value: Int) => i32x4.splat(i32.wrap(value));
  const { firstKey, segments } = sight.block;
  const positions = f.local(
    "v128",
    i32x4.add(
      splat(i64.add(firstKey, index)),
      v128.const32([0, 1, 2, 3]),
    ),
  );
  let mask = i32x4.ltS(positions, splat(sight.high));
  if (sight.low !== null) {
    mask = v128.and(mask, i32x4.geS(positions, splat(sight.low)));
  }
  if (segments !== null && sight.segment !== null) {
    const keys = v128.load(element(segments.at, index));
    mask = v128.and(mask, i32x4.eq(keys, sight.segment));
  }
  return f.local("v128", mask);
}
