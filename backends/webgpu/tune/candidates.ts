/**
 * The ways to cut a product that are worth to be measured.
 * @module
 */
import { groupsOf, isPossible, splitOf } from "../kernels/matmul/choice.ts";
import type {
  ProductShape,
  SharedTile,
  Tile,
} from "../kernels/matmul/tiles.ts";
import type { AdapterLimits } from "../runtime/adapter_limits.ts";

/** bm, bn, bk, tm, tn: tiles that others found fastest on some GPU (see README.md). */
const SHARED: readonly (readonly [number, number, number, number, number])[] = [
  [32, 32, 8, 4, 4],
  [32, 32, 32, 4, 4],
  [64, 64, 16, 4, 4],
  [64, 64, 16, 8, 4],
  [64, 64, 16, 8, 8],
  [64, 128, 16, 8, 4],
  [128, 64, 16, 8, 4],
  [128, 128, 8, 8, 8],
  [128, 128, 16, 8, 8],
];

const TOLD: readonly (readonly [number, number])[] = [
  [8, 4],
  [16, 4],
  [32, 4],
  [16, 8],
  [32, 8],
];

const DIRECT: readonly (readonly [number, number, number])[] = [
  [1, 1, 32],
  [1, 1, 64],
  [4, 1, 32],
  [8, 1, 32],
  [8, 2, 32],
];

const DOTS: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 2],
  [1, 4],
  [2, 2],
  [4, 1],
  [4, 2],
  [8, 1],
  [8, 2],
];

/** Candidates for a product on an adapter, each of which can be generated. */
export function candidatesFor(
  shape: ProductShape,
  limits: AdapterLimits,
): Tile[] {
  const { m, n } = shape;
  const lanes = limits.subgroup?.max ?? 1;
  const tiles: Tile[] = [];
  const add = (tile: Exclude<Tile, { kind: "naive" | "dot" }>) => {
    tiles.push(tile);
    const split = splitOf(shape, groupsOf(shape, tile, lanes));
    if (split > 1) tiles.push({ ...tile, split });
    if (split > 3) tiles.push({ ...tile, split: Math.ceil(split / 2) });
  };
  for (const [bm, bn, bk, tm, tn] of SHARED) {
    const tile: SharedTile = { kind: "shared", bm, bn, bk, tm, tn, split: 1 };
    const tooLarge = (bm >= 2 * m && bm > 32) || (bn >= 2 * n && bn > 32);
    if (limits.software || tooLarge) continue; // a barrier costs a software adapter more than it brings
    add(tile);
  }
  if (limits.software || m <= 64) {
    for (const [rows, columns] of TOLD) {
      if (rows >= 2 * m && rows > 8) continue;
      add({ kind: "broadcast", rows, columns, split: 1 });
    }
  }
  if (m <= 16) {
    for (const [rows, columns, lanes] of DIRECT) {
      if (rows >= 2 * m && rows > 1) continue;
      add({ kind: "direct", rows, columns, lanes, split: 1 });
    }
  }
  if (m <= 16) {
    for (const [rows, columns] of DOTS) {
      if (rows >= 2 * m && rows > 1) continue;
      for (const width of limits.software ? [8] : [16, 32, 64]) {
        tiles.push({ kind: "dot", rows, columns, lanes: width });
      }
    }
  }
  return tiles.filter((tile) => isPossible(shape, tile, limits));
}
