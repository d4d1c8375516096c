/**
 * Tiles of matrix products: how many ways there are to cut one.
 * @module
 */
import type { KernelAttributes, TensorDType } from "@denotune/denotune/device";

/** The key by which a tile is chosen: sizes are those at capacity. */
export interface ProductShape {
  readonly layout: KernelAttributes["matmul"]["layout"];
  /** Storage of b. */
  readonly dtype: TensorDType;
  /** Storage of both factors, where a is not in f32. */
  readonly factors?: KernelAttributes["matmul"]["factors"];
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** An invocation for each element. */
export interface NaiveTile {
  readonly kind: "naive";
}

/** Operands staged in workgroup memory: blocks of bm by bn by bk, tm by tn of them an invocation's. */
export interface SharedTile {
  readonly kind: "shared";
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly tm: number;
  readonly tn: number;
  /** Parts that the inner size is cut in, each a workgroup's. */
  readonly split: number;
}

/** Operands read in place: `rows` by `columns` an invocation, `lanes` of them side by side. */
export interface DirectTile {
  readonly kind: "direct";
  readonly rows: number;
  readonly columns: number;
  readonly lanes: number;
  readonly split: number;
}

/** A subgroup's: `rows` by (lanes of a subgroup times `columns`), elements of a broadcast from lane to lane. */
export interface BroadcastTile {
  readonly kind: "broadcast";
  readonly rows: number;
  readonly columns: number;
  readonly split: number;
}

/** A few rows, of NT products: `rows` by `columns` a block of `lanes`, which share the inner size. */
export interface DotTile {
  readonly kind: "dot";
  readonly rows: number;
  readonly columns: number;
  /** A power of two. */
  readonly lanes: number;
}

/** How a product is cut. */
export type Tile =
  | NaiveTile
  | SharedTile
  | DirectTile
  | BroadcastTile
  | DotTile;

/** Chooses tiles. */
export interface TileTable {
  /** The tile of a product, from what was measured; null: nothing like it was. `lanes` are a subgroup's. */
  find(shape: ProductShape, lanes: number): Tile | null;
}

/** A tile as people read it. */
export function showTile(tile: Tile): string {
  switch (tile.kind) {
    case "naive":
      return "naive";
    case "shared":
      return `${tile.bm}x${tile.bn}x${tile.bk} of ${tile.tm}x${tile.tn}${
        tile.split > 1 ? ` in ${tile.split}` : ""
      }`;
    case "dot":
      return `dot ${tile.rows}x${tile.columns} by ${tile.lanes}`;
    case "broadcast":
      return `subgroup broadcast ${tile.rows}x${tile.columns}${
        tile.split > 1 ? ` in ${tile.split}` : ""
      }`;
    case "direct":
      return `direct ${tile.rows}x${tile.columns} by ${tile.lanes}${
        tile.split > 1 ? ` in ${tile.split}` : ""
      }`;
  }
}
