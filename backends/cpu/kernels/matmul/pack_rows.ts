/**
 * Packs rows of the first factor of a product: six numbers of one k after the other, tile by tile.
 * @module
 */
import { i64, type Int, v128 } from "../../assembler/mod.ts";
import { element, type Kernel } from "../launch.ts";
import { TILE_ROWS } from "./tile.ts";
import { A_LINE } from "./tile_function.ts";

/** Tiles that are packed together (TN). */
export const GROUP = 4;

/** Rows of a to be packed. */
export interface RowsOfA {
  readonly aBatch: Int;
  readonly row: Int;
  /** Rows from `row` to the end of the block. */
  readonly rest: Int;
  readonly target: Int;
}

/**
 * Packs rows of a group of tiles, k after k, one tile behind the other. TN: a is (k, m), so rows of the product are
 * side by side, 24 bytes a tile of each line of the cache. Lines that are as far apart as m would soon drive each other
 * out of the first cache, so all tiles of a line are packed while it is there.
 */
export function packGroup(
  k: Kernel,
  { aBatch, row, rest, target }: RowsOfA,
): void {
  const { f } = k;
  const [, m, , depth] = k.dims;
  const stride = f.hold(i64.mul(m, i64.const(4)));
  const tileBytes = f.hold(i64.mul(depth, i64.const(4 * A_LINE)));
  const pack = (tiles: number) => {
    const from = f.local("i64", element(aBatch, row));
    const targets = Array.from(
      { length: tiles },
      (_, i) =>
        f.local("i64", i64.add(target, i64.mul(tileBytes, i64.const(i)))),
    );
    f.for(i64.const(0), depth, 1, () => {
      for (const [i, to] of targets.entries()) {
        // 16 + 8 bytes; the load of the second reads two numbers more, which are not stored
        const at = 4 * TILE_ROWS * i;
        f.store(to, v128.load(from, at));
        f.storeLane64(to, v128.load(from, at + 16), 0, 16);
        f.increase(to, i64.const(4 * A_LINE));
      }
      f.increase(from, stride);
    });
  };
  const choose = (tiles: number): void => {
    if (tiles === 1) return pack(1);
    f.if(
      i64.gtS(rest, i64.const(TILE_ROWS * (tiles - 1))),
      () => pack(tiles),
      () => choose(tiles - 1),
    );
  };
  choose(GROUP);
}

/** Packs six rows of a, k after k: NN and NT of a depth that is known at run time only. */
export function packRows(
  k: Kernel,
  { aBatch, row, rest, target }: RowsOfA,
): void {
  const { f } = k;
  const depth = k.dims[3];
  const to = f.local("i64", target);
  // Each row is walked along k and scattered into every sixth place; rows that do not exist are left as they are,
  // and the tile for fewer rows does not read them.
  for (let i = 0; i < TILE_ROWS; i++) {
    f.if(i64.gtS(rest, i64.const(i)), () => {
      const from = f.local(
        "i64",
        element(aBatch, i64.mul(i64.add(row, i64.const(i)), depth)),
      );
      f.set(to, target);
      f.for(i64.const(0), depth, 1, () => {
        f.storeLane32(to, v128.load32Splat(from), 0, 4 * i);
        f.increase(from, i64.const(4));
        f.increase(to, i64.const(4 * A_LINE));
      });
    });
  }
}
