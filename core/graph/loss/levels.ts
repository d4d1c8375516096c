/**
 * The levels of a loss's numbers. A coarser number meets a finer one by being repeated; the finer becomes coarser by
 * a sum.
 *
 * ```text
 * row        r0 r1 r2 | r3 r4 | r5 r6 r7     one a trained token
 * sequence      s0    |  s1   |    s2        sum("sequence")
 * group              g0       |    g1        sum("group"), member(k)
 * window                 w                   one number, the same for all
 * ```
 * @module
 */
import { dim, type NamedDim } from "../dims.ts";
import type { Graph, Tensor } from "../graph.ts";
import type { SortedTokens } from "../ops/embedding.ts";

/** Levels from the finest to the coarsest. */
export const LEVELS: readonly Level[] = [
  "row",
  "sequence",
  "group",
  "window",
];

/** What a number is one of: a trained row, a sequence, a group of sequences, or the whole window. */
export type Level = "row" | "sequence" | "group" | "window";

/** Levels with numbers of their own in a micro-batch. */
export type CountedLevel = Exclude<Level, "window">;

/** Sizes of the levels: the extents that the host gives. */
export const LEVEL_DIMS: Readonly<Record<CountedLevel, NamedDim>> = {
  row: dim("R"),
  sequence: dim("S"),
  group: dim("G"),
};

/** How the levels of a micro-batch hang together, as the host lays it out. */
export interface LevelIndex {
  /** Sequence of each row, i32 (R), or group of each sequence, i32 (S). */
  readonly parent: Tensor;
  /** The same sorted, for sums without atomics. */
  readonly sorted: SortedTokens;
}

/** Where values find the micro-batch they are of. */
export interface LevelScope {
  readonly graph: Graph;
  /** From rows to sequences, or from sequences to groups. */
  index(from: "row" | "sequence"): LevelIndex;
  /** Sequence that is member `k` of each group, i32 (G). */
  member(k: number): Tensor;
}
