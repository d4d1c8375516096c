/**
 * Which tile a product gets: the one that was measured to be fastest here, else one from a table of what is
 * known of adapters in general.
 * @module
 */
import type { AdapterLimits } from "../../runtime/adapter_limits.ts";
import { canBroadcast } from "./broadcast.ts";
import { dotGroups } from "./dot.ts";
import { isSound } from "./shared.ts";
import type { DotTile, ProductShape, SharedTile, Tile } from "./tiles.ts";

/** Name of a shape in the table of measured tiles. */
export function shapeKey(
  { layout, dtype, factors, batch, m, n, k }: ProductShape,
): string {
  const storage = factors === undefined ? dtype : `${factors}x${factors}`;
  return `${layout} ${storage} ${batch}x${m}x${n}x${k}`;
}

/** Workgroups that keep a large GPU busy. */
const ENOUGH_GROUPS = 256;
/** Terms that a part of the inner size has at least: fewer would cost more to add up again than they save. */
const LEAST_PART = 128;
/** Scratch elements that parts may take. */
const MOST_PARTS = 2 ** 24;

/** The tile of a product. */
export function chooseTileOf(shape: ProductShape, limits: AdapterLimits): Tile {
  const measured = limits.tiles.find(shape, limits.subgroup?.max ?? 1);
  if (measured !== null && isPossible(shape, measured, limits)) return measured;
  return limits.software
    ? forSoftware(shape, limits)
    : forHardware(shape, limits);
}

/** Whether a tile can be generated for a product on an adapter. */
export function isPossible(
  shape: ProductShape,
  tile: Tile,
  limits: AdapterLimits,
): boolean {
  switch (tile.kind) {
    case "naive":
      return true;
    case "direct":
      return tile.rows >= 1 && tile.columns >= 1;
    case "dot":
      return shape.layout === "NT" && tile.rows >= 1 && tile.columns >= 1 &&
        Number.isInteger(Math.log2(tile.lanes)) &&
        tile.lanes <= limits.maxInvocations;
    case "broadcast":
      return canBroadcast(shape.layout, tile, limits);
    case "shared":
      return isSound(shape.layout, tile, limits);
  }
}

/**
 * Software adapters: registers alone, because workgroup memory is memory and a barrier ends all lanes' work. As many
 * rows as have use for each element of b that is loaded.
 */
function forSoftware(shape: ProductShape, limits: AdapterLimits): Tile {
  const rows = shape.m >= 24 ? 32 : shape.m > 8 ? 16 : shape.m > 4 ? 8 : 4;
  const narrow = shape.layout === "NT" && shape.n <= 16;
  const broadcast: Tile = {
    kind: "broadcast",
    rows,
    columns: narrow ? 2 : 4,
    split: 1,
  };
  return canBroadcast(shape.layout, broadcast, limits) ? broadcast : {
    kind: "direct",
    rows: Math.min(rows, 16),
    columns: 2,
    lanes: 8,
    split: 1,
  };
}

/**
 * GPUs: few rows read b straight from memory; other products are staged, in the largest blocks of which there are
 * enough for all cores.
 */
function forHardware(shape: ProductShape, limits: AdapterLimits): Tile {
  const { m, n } = shape;
  if (m <= 8 && shape.layout === "NT") return dotOf(shape);
  if (m <= 8 || n <= 8) {
    // A few rows or columns: every weight is used once or so, nothing is gained by staging.
    const rows = Math.min(m, 8);
    const tile = {
      kind: "direct",
      rows,
      columns: 1,
      lanes: 32,
      split: 1,
    } as const;
    return { ...tile, split: splitOf(shape, groupsOf(shape, tile, 1)) };
  }
  const blocks = (tile: Omit<SharedTile, "split">) =>
    groupsOf(shape, { ...tile, split: 1 }, 1);
  const tiles: readonly Omit<SharedTile, "split">[] = [
    { kind: "shared", bm: 128, bn: 128, bk: 16, tm: 8, tn: 8 },
    { kind: "shared", bm: 64, bn: 64, bk: 16, tm: 4, tn: 4 },
    { kind: "shared", bm: 32, bn: 32, bk: 16, tm: 4, tn: 4 },
  ];
  for (const [i, tile] of tiles.entries()) {
    const sound = isSound(shape.layout, { ...tile, split: 1 }, limits);
    const last = i === tiles.length - 1;
    const fits = m >= tile.bm / 2 && n >= tile.bn / 2;
    const enough = blocks(tile) >= ENOUGH_GROUPS / (i === 0 ? 1 : 4);
    if (sound && (last || (fits && enough))) {
      return { ...tile, split: splitOf(shape, blocks(tile)) };
    }
  }
  return { kind: "direct", rows: 4, columns: 2, lanes: 32, split: 1 };
}

/** Workgroups of a product cut in this way, before it is split; `lanes` are those of a subgroup. */
export function groupsOf(
  { batch, m, n }: ProductShape,
  tile: Exclude<Tile, { kind: "naive" | "dot" }>,
  lanes: number,
): number {
  const [rows, columns] = tile.kind === "shared"
    ? [tile.bm, tile.bn]
    : tile.kind === "broadcast"
    ? [tile.rows, lanes * tile.columns]
    : [tile.rows, tile.lanes * tile.columns];
  return batch * Math.ceil(m / rows) * Math.ceil(n / columns);
}

/** A few rows and weights by output: all lanes read along one row of weights, four terms each. */
function dotOf({ m, n, k }: ProductShape): DotTile {
  let lanes = 32;
  while (lanes > 8 && lanes * 4 > k) lanes /= 2;
  const wide = (columns: number): DotTile => ({
    kind: "dot",
    rows: Math.min(m, 8),
    columns,
    lanes,
  });
  // what a lane has on its way hides the memory's delay, as far as all workgroups are busy
  const most = m > 4 ? [2] : [4, 2];
  return most.map(wide).find((tile) =>
    dotGroups(tile, { m, n }) >= ENOUGH_GROUPS
  ) ??
    wide(1);
}

/** Parts of the inner size where there are too few workgroups. */
export function splitOf(
  { batch, m, n, k }: ProductShape,
  groups: number,
): number {
  if (groups === 0) return 1;
  const wanted = Math.floor(ENOUGH_GROUPS / groups);
  const possible = Math.floor(k / LEAST_PART);
  const room = Math.floor(MOST_PARTS / (batch * m * n));
  return Math.max(1, Math.min(16, wanted, possible, room));
}
