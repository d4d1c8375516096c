/**
 * What products without workgroup memory have in common: a workgroup has a block of the product, each lane all of
 * its rows and some of its columns, and every sum is a register. How the factors come into registers is the
 * matter of `direct.ts` and `broadcast.ts`.
 *
 * ```text
 *             jFirst ..  lanes * columns
 * iFirst ..   lane 0 | lane 1 | ...          blocks of a product are counted row by row of blocks
 * (rows)      . . .  | . . .  |
 * ```
 * @module
 */
import type { DispatchSpec, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import {
  endTensors,
  factorTensors,
  type Product,
  productName,
  storeEach,
  storeProduct,
} from "./product.ts";
import {
  partRange,
  type SplitTarget,
  splitTensors,
  storePart,
} from "./split.ts";
import { type BroadcastTile, type DirectTile, showTile } from "./tiles.ts";

/** Terms of the inner size that parts are whole multiples of, and most that a round takes. */
export const TERMS = 4;

/** Sizes of a product (WGSL). */
export interface SizesText {
  readonly M: string;
  readonly N: string;
  readonly K: string;
}

/** How a round of terms is computed. */
export interface RegisterLoop {
  readonly lanes: number;
  /** Which factors are read as vec4s. */
  readonly wide: { readonly a: boolean; readonly b: boolean };
  /** Column `c` (WGSL, counted among a lane's) of this lane. */
  column(c: string): string;
  /** Terms of a round: statements before the first, and those that add terms `p ..` to the sums `s_R_C`. */
  rounds(scope: Scope, sizes: SizesText): {
    readonly terms: number;
    readonly before: string;
    readonly round: string;
  };
}

/** A dispatch of such a product; with `target`, of one part of the inner size each. */
export function registerMatmul(
  product: Product,
  { tile, target, loop }: {
    readonly tile: DirectTile | BroadcastTile;
    readonly target: SplitTarget | null;
    readonly loop: RegisterLoop;
  },
): DispatchSpec {
  const { layout, batch, m, n, k } = product;
  const { rows, columns, split } = tile;
  const { lanes, wide } = loop;
  const width = lanes * columns;
  const body = (scope: Scope): string => {
    const [M, N, K] = [m, n, k].map((d) => scope.size(d));
    const { terms, before, round } = loop.rounds(scope, { M, N, K });
    return `// Blocks of ${rows} rows and ${width} columns of the product: a workgroup has one, row by row of blocks.
let across = (${N} + ${width - 1}u) / ${width}u;
let down = (${M} + ${rows - 1}u) / ${rows}u;
if (group >= across * down) { return; }
let blockRow = group / across;
let iFirst = blockRow * ${rows}u;
let jFirst = (group - blockRow * across) * ${width}u;
// z counts the products of the batch, and within each the parts of its inner size.
let g = wg.z / ${split}u;
let part = wg.z % ${split}u;
let aStart = g * ${M} * ${K};
let bStart = g * ${K} * ${N};
${partRange(K, split, TERMS)}
${before}
// s_R_C: this lane's sum of row R and column C.
${each(rows, (r) => each(columns, (c) => `var s_${r}_${c} = 0.0;`))}
for (var p = kStart; p < kEnd; p += ${terms}u) {
${round}
}
${
      storeEach(
        product.folded && target === null,
        { rows, columns },
        ({ value, r, c }) =>
          `{
let i = iFirst + ${r};
let j = ${loop.column(c)};
if (i < ${M} && j < ${N}) {
  let at = g * ${M} * ${N} + i * ${N} + j;
  ${
            target === null
              ? storeProduct(scope, product, {
                value,
                row: `g * ${M} + i`,
                column: "j",
                at: "at",
              })
              : storePart(scope, product, value)
          }
}
}`,
      )
    }`;
  };
  return {
    name: target === null
      ? productName(product, showTile(tile))
      : `matmul ${layout} ${showTile(tile)}`,
    tensors: target === null
      ? [
        ...factorTensors(product, wide),
        ...endTensors(product, { wide: false }),
      ]
      : splitTensors(product, target, wide),
    workgroup: [lanes, 1, 1],
    body,
    grid: (size) => ({
      groups: Math.ceil(size(n) / width) * Math.ceil(size(m) / rows),
      z: size(batch) * split,
    }),
    cost: (size) => 2 * size(batch) * size(m) * size(n) * size(k),
  };
}
