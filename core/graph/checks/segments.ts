/**
 * Segments that repeat over chunks: which extents hold in each iteration.
 * @module
 */
import { type Extents, sizeOf } from "../dims.ts";
import type { Segment } from "../plan.ts";

/** How often a segment runs under extents. */
export function iterationsOf({ repeat }: Segment, extents: Extents): number {
  return repeat === undefined
    ? 1
    : Math.ceil(sizeOf(repeat.total, extents) / repeat.chunk);
}

/** The extents of one iteration of a segment: the last chunk may be short. */
export function extentsAt(
  { repeat }: Segment,
  extents: Extents,
  iteration: number,
): Extents {
  if (repeat === undefined) return extents;
  const left = sizeOf(repeat.total, extents) - iteration * repeat.chunk;
  return { ...extents, [repeat.as]: Math.min(repeat.chunk, left) };
}
