/**
 * Tiles of products that were not measured themselves: what was best for one of nearly the same sizes is
 * better than a table for all adapters.
 * @module
 */
import type { ProductShape, Tile } from "../kernels/matmul/tiles.ts";
import { groupsOf, splitOf } from "../kernels/matmul/choice.ts";

/** Most that rows and columns may differ, and the inner size, as factors. */
const MOST = { outer: 4, inner: 8 };

/** Rows up to which products are cut in ways that are bad for more. */
const FEW = 16;

/** The tile of the nearest shape of the same layout; null: none is near. */
export function nearestTile(
  tiles: ReadonlyMap<string, Tile>,
  shape: ProductShape,
  lanes: number,
): Tile | null {
  let nearest: Tile | null = null;
  let least = Infinity;
  for (const [key, tile] of tiles) {
    const other = shapeOf(key);
    if (other === null) continue;
    const distance = distanceOf(shape, other);
    if (distance < least) [nearest, least] = [tile, distance];
  }
  if (nearest === null || !("split" in nearest) || nearest.split === 1) {
    return nearest;
  }
  return { ...nearest, split: splitOf(shape, groupsOf(shape, nearest, lanes)) };
}

/** How far two shapes are from each other, in doublings; infinite: too far. */
function distanceOf(a: ProductShape, b: ProductShape): number {
  const factor = (x: number, y: number) => Math.max(x, y) / Math.min(x, y);
  const outer = [
    factor(a.batch * a.m, b.batch * b.m),
    factor(a.n, b.n),
  ];
  const inner = factor(a.k, b.k);
  if (
    a.layout !== b.layout || (a.m <= FEW) !== (b.m <= FEW) ||
    outer.some((f) => f > MOST.outer) ||
    inner > MOST.inner
  ) return Infinity;
  // Another storage of weights changes the loads, not the arithmetic.
  const storage = a.dtype === b.dtype && a.factors === b.factors ? 0 : 1;
  return outer.reduce((sum, f) => sum + Math.log2(f), 0) +
    Math.log2(inner) / 2 + storage;
}

/** A shape by its name; null for a name that is none. */
function shapeOf(key: string): ProductShape | null {
  const found =
    /^(NN|NT|TN) (f32|bf16|f16|int8|nf4|bf16xbf16|f16xf16) (\d+)x(\d+)x(\d+)x(\d+)$/
      .exec(key);
  if (found === null) return null;
  const [batch, m, n, k] = found.slice(3).map(Number);
  // the expression admits nothing else
  const layout = found[1] as ProductShape["layout"];
  const [storage, both] = found[2].split("x");
  const dtype = storage as ProductShape["dtype"];
  const factors = both as ProductShape["factors"];
  return batch * m * n * k > 0
    ? {
      layout,
      dtype,
      batch,
      m,
      n,
      k,
      ...(factors === undefined ? {} : { factors }),
    }
    : null;
}
