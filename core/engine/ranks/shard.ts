/**
 * A rank's share of an arena, where ranks share out the optimizer; see optimizer_shards.ts.
 * @module
 */

/** Which of how many shares is this rank's. */
export interface Shard {
  readonly rank: number;
  readonly world: number;
}

/** A rank's share of an arena. */
export interface Share {
  readonly offset: number;
  /** Elements of this rank; 0: it has none. */
  readonly width: number;
  /** Elements of a share; the last may be shorter. */
  readonly most: number;
}

/** Shares start at whole cache lines and vectors: elements at the end of one are computed as within the arena. */
const ALIGNED = 64;

/** The share of a rank. */
export function shareOf(elements: number, { rank, world }: Shard): Share {
  const most = Math.ceil(elements / world / ALIGNED) * ALIGNED;
  const offset = Math.min(rank * most, elements);
  return { offset, width: Math.min(most, elements - offset), most };
}

/** Variable of a rank's share of an arena's variable. */
export function shardName(variable: string): string {
  return `shard:${variable}`;
}
