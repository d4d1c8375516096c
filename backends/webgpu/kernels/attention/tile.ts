/**
 * How attention is cut for a workgroup. It owns a tile of rows (queries, or keys and values) of one head and goes
 * through tiles of the other side; scores exist for one pair of tiles at a time.
 *
 * ```text
 *                 other rows (tx + 8 j)
 *               0 1 2 3 4 5 6 7 | 0 1 ...        a lane has `rows` own rows (from rows * ty) and every 8th other
 * own rows  ty  . . . . . . . . | . .            row; of sums over the other rows it has every 8th vec4 of the
 * (`rows`       . . . . . . . . | . .            head's columns
 *  each)
 * ```
 *
 * Where a head's rows do not fit in workgroup memory as a whole, its columns are staged in passes of `span` vec4s:
 *
 * ```text
 * columns of a head   | 0 .. 63 | 64 .. 127 | 128 .. 191 | ..
 * scores               += q k     += q k      += q k              one loop: a score needs all columns
 * sums                 += p v, of all columns, read from the tensors themselves
 * ```
 * @module
 */
import { DeviceError } from "@denotune/denotune/device";
import type { AdapterLimits } from "../../runtime/adapter_limits.ts";

/** Lanes side by side. */
export const ACROSS = 8;

/** Sizes of an attention kernel's tiles. */
export interface AttentionTile {
  /** Own rows, other rows. */
  readonly own: number;
  readonly other: number;
  /** Lanes of the workgroup; own rows of each. */
  readonly lanes: number;
  readonly rows: number;
  /** vec4s of a head, rounded up. */
  readonly depth: number;
  /** vec4s of a head that are staged at once: all of them, or a multiple of {@linkcode ACROSS}. */
  readonly span: number;
  /** vec4s from row to row of a tile in workgroup memory. */
  readonly stride: number;
  /** vec4s of a head that a lane sums. */
  readonly columns: number;
  /** Other rows of a lane. */
  readonly others: number;
}

/** A kernel's use of workgroup memory and registers. */
export interface TileNeeds {
  /** Matrices of own rows, and of other rows, where whole rows are staged. */
  readonly ownTiles: number;
  readonly otherTiles: number;
  /** The same where columns are staged in passes. */
  readonly passTiles: number;
  /** Tiles of scores. */
  readonly scores: number;
  /** Sums that a lane keeps for each of its rows and columns. */
  readonly sums: number;
}

/** Attention forward: queries; keys and values, of which only keys are staged in passes. */
export const FORWARD: TileNeeds = {
  ownTiles: 1,
  otherTiles: 2,
  passTiles: 1,
  scores: 1,
  sums: 1,
};
/** Gradients of queries: queries and their gradients; keys and values. */
export const QUERY_GRADIENTS: TileNeeds = {
  ownTiles: 2,
  otherTiles: 2,
  passTiles: 2,
  scores: 1,
  sums: 1,
};
/** Gradients of keys and values: as above the other way round, with scores' gradients and weights. */
export const KEY_GRADIENTS: TileNeeds = {
  ...QUERY_GRADIENTS,
  scores: 2,
  sums: 2,
};

/** Own and other rows, the best first. */
const CANDIDATES: readonly (readonly [number, number])[] = [
  [32, 32],
  [32, 16],
  [16, 16],
  [16, 8],
  [8, 8],
];
/** vec4s of a pass, the best first. */
const SPANS: readonly number[] = [16, 8];
/** Own rows of a lane where whole rows are staged, and at most elsewhere. */
const ROWS = 4;
/** vec4s that a lane sums without losing registers to memory: what heads of 128 take. */
const ENOUGH_SUMS = 32;
/** vec4s that a lane sums at most. */
const MOST_SUMS = 64;

/** Lanes of a workgroup that stages in passes, at most: with more, fewer workgroups share a processor's registers. */
const MOST_LANES = 128;

/** The limits that attention is cut by. */
export type TileLimits = Pick<AdapterLimits, "sharedBytes" | "maxInvocations">;

/**
 * The largest tile that fits: of whole rows if any, else of columns in passes. Throws `DeviceError` where none
 * does.
 */
export function chooseTile(
  limits: TileLimits,
  headDim: number,
  needs: TileNeeds,
): AttentionTile {
  const tile = findTile(limits, headDim, needs);
  if (tile === null) {
    throw new DeviceError(
      `heads of ${headDim} need more than the adapter has: ${limits.sharedBytes} bytes of workgroup memory, ${limits.maxInvocations} invocations (the largest head that it trains has ${
        largestHead(limits)
      } columns)`,
    );
  }
  return tile;
}

/** Columns of the largest head whose attention can be trained; 0: not even the smallest. */
export function largestHead(limits: TileLimits): number {
  let largest = MOST_SUMS / KEY_GRADIENTS.sums * ACROSS * 4;
  while (
    largest > 0 &&
    [FORWARD, QUERY_GRADIENTS, KEY_GRADIENTS].some((needs) =>
      findTile(limits, largest, needs) === null
    )
  ) largest -= 4;
  return largest;
}

function findTile(
  { sharedBytes, maxInvocations }: TileLimits,
  headDim: number,
  needs: TileNeeds,
): AttentionTile | null {
  const depth = Math.ceil(headDim / 4);
  const columns = Math.ceil(depth / ACROSS);
  /** A tile, or null where it does not fit. */
  const fit = (
    [own, other]: readonly [number, number],
    { rows, span, staged }: { rows: number; span: number; staged: number },
  ): AttentionTile | null => {
    const stride = span + 1 - span % 2; // odd: rows start in different banks
    const lanes = own / rows * ACROSS;
    const bytes = staged * stride * 16 +
      needs.scores * own * (other + 1) * 4 + (own + other) * 12 +
      Math.max(512, lanes * 4); // what lanes exchange
    if (bytes > sharedBytes || lanes > maxInvocations) return null;
    const others = other / ACROSS;
    return { own, other, lanes, rows, depth, span, stride, columns, others };
  };
  for (const candidate of CANDIDATES) {
    const [own, other] = candidate;
    const staged = own * needs.ownTiles + other * needs.otherTiles;
    const tile = fit(candidate, { rows: ROWS, span: depth, staged });
    if (tile !== null) return tile;
  }
  let rows = ROWS;
  while (rows > 1 && rows * columns * needs.sums > ENOUGH_SUMS) rows /= 2;
  if (rows * columns * needs.sums > MOST_SUMS) return null;
  for (const candidate of CANDIDATES) {
    const staged = (candidate[0] + candidate[1]) * needs.passTiles;
    for (const span of SPANS) {
      const tile = fit(candidate, { rows, span, staged });
      if (tile !== null && tile.lanes <= MOST_LANES) return tile;
    }
  }
  return null;
}

/** Whether a head's columns are staged in passes. */
export function isInPasses({ depth, span }: AttentionTile): boolean {
  return span < depth;
}

/** A tile as people read it: `32x16`, or `32x16 in 4 passes`. */
export function showAttentionTile(tile: AttentionTile): string {
  const size = `${tile.own}x${tile.other}`;
  return isInPasses(tile)
    ? `${size} in ${Math.ceil(tile.depth / tile.span)} passes`
    : size;
}
