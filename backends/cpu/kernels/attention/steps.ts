/**
 * How many keys or queries a library multiplies at once. Beside the diagonal of causal attention blocks are small, for
 * half of what is multiplied there is never seen; far from it they are large, for a call then costs little.
 *
 * ```text
 *             keys of one block of queries            queries of one block of keys
 * forward     |  large  |  large  | rest |s|s|s|      queries before a small block are left out
 * backward                                            |s|s| large | large | ...   keys behind them are left out
 * ```
 * @module
 */
import { i64, type Int, type Local } from "../../assembler/mod.ts";
import { type Geometry, segmentSpan } from "./geometry.ts";
import type { Kernel } from "../launch.ts";

/** Of a block of queries: how many keys are next, and which of the queries see any of them. */
export interface Seeing {
  readonly step: Local<"i64">;
  readonly from: Local<"i64">;
  readonly to: Local<"i64">;
}

/** At the start of a block of `queries`: all see the first keys. */
export function allSeeing(k: Kernel, g: Geometry, queries: Int): Seeing {
  const { f } = k;
  return {
    step: f.local("i64", i64.const(g.keys)),
    from: f.local("i64", i64.const(0)),
    to: f.local("i64", queries),
  };
}

/** Sets how many keys follow `firstKey`; `firstQuery` is the first query's place among them. */
export function stepToDiagonal(
  k: Kernel,
  { onDiagonal, keys }: Geometry,
  { step, from }: Seeing,
  { firstKey, firstQuery }: {
    readonly firstKey: Int;
    readonly firstQuery: Int;
  },
): void {
  if (onDiagonal === null) return;
  const { f } = k;
  const before = f.local("i64", i64.sub(firstQuery, firstKey));
  f.if(i64.geS(before, i64.const(onDiagonal)), () => {
    f.set(step, i64.and(before, i64.const(-onDiagonal)));
    f.set(step, i64.min(step, i64.const(keys)));
  }, () => {
    f.set(step, i64.const(onDiagonal));
    f.set(from, i64.sub(i64.const(0), before));
    f.set(from, i64.max(from, i64.const(0)));
  });
}

/** Leaves out queries behind the segments of a block of keys; `row0` is the row's first position over the batch. */
export function endWithSegments(
  k: Kernel,
  { products }: Geometry,
  { to }: Seeing,
  block: {
    readonly row0: Int;
    readonly firstKey: Int;
    readonly count: Int;
    readonly firstQuery: Int;
    readonly queries: Int;
  },
): void {
  if (products === "tiles") return;
  const { f } = k;
  const first = i64.add(block.row0, block.firstKey);
  const { high } = segmentSpan(k, { first, count: block.count });
  f.set(to, i64.sub(high, block.firstQuery));
  f.set(to, i64.min(to, block.queries));
}

/**
 * Of a block of keys: sets how many queries follow `query`, and returns how many of the keys they can see. Null: all,
 * and as many queries as ever.
 */
export function stepFromDiagonal(
  k: Kernel,
  { onDiagonal, queries, keys }: Geometry,
  { firstKey, count, query, step }: {
    readonly firstKey: Int;
    readonly count: Int;
    readonly query: Int;
    readonly step: Local<"i64">;
  },
): Int | null {
  if (onDiagonal === null) return null;
  const { f } = k;
  const behind = f.local("i64", i64.sub(query, firstKey));
  const seen = f.local("i64", count);
  f.set(step, i64.const(queries));
  f.if(i64.ltS(behind, i64.const(keys - 1)), () => {
    f.set(step, i64.const(onDiagonal));
    f.set(behind, i64.add(behind, step));
    f.set(seen, i64.min(seen, behind));
  });
  return seen;
}
