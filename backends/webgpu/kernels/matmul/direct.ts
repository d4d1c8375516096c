/**
 * Matrix products whose operands are read in place, through the caches: for software adapters, where
 * workgroup memory is memory like any other, and for a few rows.
 *
 * ```text
 *            columns of a lane          all lanes of a workgroup read the same rows of a
 *            jFirst + lane + lanes c
 * rows iFirst..  . . . .
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
import { type DirectTile, showTile } from "./tiles.ts";
import {
  partRange,
  type SplitTarget,
  splitTensors,
  storePart,
} from "./split.ts";

/** A dispatch of a direct product; with `target`, of one part of the inner size each. */
export function directMatmul(
  product: Product,
  tile: DirectTile,
  target: SplitTarget | null,
): DispatchSpec {
  const { layout, batch, m, n, k } = product;
  const { rows, columns, lanes, split } = tile;
  const fixed = (d: unknown): d is number => typeof d === "number";
  // Four terms at a time where rows of the inner size are whole vec4s.
  const wideA = layout === "TN"
    ? fixed(m) && m % 4 === 0 && rows % 4 === 0
    : fixed(k) && k % 4 === 0;
  const wideB = layout === "NT" && fixed(k) && k % 4 === 0;
  const body = (scope: Scope): string => {
    const [M, N, K] = [m, n, k].map((d) => scope.size(d));
    const [a, b] = [scope.tensor("a"), scope.tensor("b")];
    const term = layout === "TN"
      ? termTN(scope, tile, { M, N })
      : a.wide && (layout === "NN" || b.wide)
      ? termFour(scope, tile, { layout, N, K })
      : termOne(scope, tile, { layout, N, K });
    const step = layout !== "TN" && a.wide && (layout === "NN" || b.wide)
      ? 4
      : 1;
    return `// Blocks of ${rows} rows and ${
      lanes * columns
    } columns of the product: a workgroup has one, row by row of blocks.
let across = (${N} + ${lanes * columns - 1}u) / ${lanes * columns}u;
let down = (${M} + ${rows - 1}u) / ${rows}u;
if (group >= across * down) { return; }
let blockRow = group / across;
let iFirst = blockRow * ${rows}u;
let jFirst = (group - blockRow * across) * ${lanes * columns}u + lane;
// z counts the products of the batch, and within each the parts of its inner size.
let g = wg.z / ${split}u;
let part = wg.z % ${split}u;
let aStart = g * ${M} * ${K};
let bStart = g * ${K} * ${N};
${partRange(K, split, 4)}
// Rows and columns beyond the product are read as its last, and not stored.
${each(columns, (c) => `let j${c} = min(jFirst + ${c * lanes}u, ${N} - 1u);`)}
${each(rows, (r) => `let i${r} = min(iFirst + ${r}u, ${M} - 1u);`)}
${each(rows, (r) => each(columns, (c) => `var s_${r}_${c} = 0.0;`))}
// s_R_C: this lane's sum of row R and column C. All lanes read the same elements of a, side by side those of b.
for (var p = kStart; p < kEnd; p += ${step}u) {
${term}
}
${
      storeEach(
        product.folded && target === null,
        { rows, columns },
        ({ value, r, c }) =>
          `{
let i = iFirst + ${r};
let j = jFirst + ${c} * ${lanes}u;
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
        ...factorTensors(product, { a: wideA, b: wideB }),
        ...endTensors(product, { wide: false }),
      ]
      : splitTensors(product, target, { a: wideA, b: wideB }),
    workgroup: [lanes, 1, 1],
    body,
    grid: (size) => ({
      groups: Math.ceil(size(n) / (lanes * columns)) *
        Math.ceil(size(m) / rows),
      z: size(batch) * split,
    }),
    cost: (size) => 2 * size(batch) * size(m) * size(n) * size(k),
  };
}

interface Sizes {
  readonly M?: string;
  readonly N: string;
  readonly K?: string;
  readonly layout?: Product["layout"];
}

/** One term, rows of a along the inner size. */
function termOne(
  scope: Scope,
  { rows, columns }: DirectTile,
  { layout, N, K }: Sizes,
): string {
  const [a, b] = [scope.tensor("a"), scope.tensor("b")];
  const at = (c: number) =>
    layout === "NT" ? `bStart + j${c} * ${K} + p` : `bStart + p * ${N} + j${c}`;
  return `${each(columns, (c) => `let b${c} = ${b.load(at(c))};`)}
${
    each(rows, (r) =>
      `let a${r} = ${a.load(`aStart + i${r} * ${K} + p`)};
${each(columns, (c) => `s_${r}_${c} = fma(a${r}, b${c}, s_${r}_${c});`)}`)
  }`;
}

/** Four terms at a time. */
function termFour(
  scope: Scope,
  { rows, columns }: DirectTile,
  { layout, N, K }: Sizes,
): string {
  const [a, b] = [scope.tensor("a"), scope.tensor("b")];
  const four = (c: number) =>
    layout === "NT"
      ? `let b${c} = ${b.loadWide(`(bStart + j${c} * ${K} + p) / 4u`)};`
      : `let b${c} = vec4<f32>(${
        [0, 1, 2, 3].map((q) => b.load(`bStart + (p + ${q}u) * ${N} + j${c}`))
          .join(", ")
      });`;
  return `${each(columns, four)}
${
    each(rows, (r) =>
      `let a${r} = ${a.loadWide(`(aStart + i${r} * ${K} + p) / 4u`)};
${
        each(columns, (c) =>
          `s_${r}_${c} = fma(a${r}.w, b${c}.w, fma(a${r}.z, b${c}.z, fma(a${r}.y, b${c}.y, fma(a${r}.x, b${c}.x, s_${r}_${c}))));`)
      }`)
  }`;
}

/** One term, columns of a along the inner size. */
function termTN(
  scope: Scope,
  { rows, columns }: DirectTile,
  { M, N }: Sizes,
): string {
  const [a, b] = [scope.tensor("a"), scope.tensor("b")];
  const loads = a.wide
    ? each(
      rows / 4,
      (q) =>
        `let a${q} = ${a.loadWide(`(aStart + p * ${M} + i${q * 4}) / 4u`)};`,
    )
    : each(rows, (r) => `let a${r} = ${a.load(`aStart + p * ${M} + i${r}`)};`);
  const element = (r: number) =>
    a.wide ? `a${Math.floor(r / 4)}.${"xyzw"[r % 4]}` : `a${r}`;
  return `${
    each(columns, (c) => `let b${c} = ${b.load(`bStart + p * ${N} + j${c}`)};`)
  }
${loads}
${
    each(rows, (r) =>
      each(columns, (c) =>
        `s_${r}_${c} = fma(${element(r)}, b${c}, s_${r}_${c});`))
  }`;
}
