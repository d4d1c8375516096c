/**
 * Tiles of matrix products.
 * @module
 */

/** How a product is cut. */
export interface Tile {
  readonly kind: "naive";
}

/** Chooses tiles. */
export interface TileTable {
  /** The tile of a product, from what was measured; null: nothing was. */
  find(key: string): Tile | null;
}
