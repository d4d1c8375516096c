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
import type { Product } from "./product.ts";
import {
  type RegisterLoop,
  registerMatmul,
  type SizesText,
} from "./registers.ts";
import type { SplitTarget } from "./split.ts";
import type { DirectTile } from "./tiles.ts";

/** A dispatch of a direct product; with `target`, of one part of the inner size each. */
export function directMatmul(
  product: Product,
  tile: DirectTile,
  target: SplitTarget | null,
): DispatchSpec {
  const { layout, m, k } = product;
  const { rows, columns, lanes } = tile;
  const whole = (d: unknown): boolean => typeof d === "number" && d % 4 === 0;
  // four terms at a time where rows of the inner size are whole vec4s
  const wide = {
    a: layout === "TN" ? whole(m) && rows % 4 === 0 : whole(k),
    b: layout === "NT" && whole(k),
  };
  const loop: RegisterLoop = {
    lanes,
    wide,
    column: (c) => `jFirst + lane + ${c} * ${lanes}u`,
    rounds(scope, sizes) {
      const { M, N } = sizes;
      const [a, b] = [scope.tensor("a"), scope.tensor("b")];
      const four = layout !== "TN" && a.wide && (layout === "NN" || b.wide);
      const clamp = (first: string, limit: string) =>
        `min(${first}, ${limit} - 1u)`;
      return {
        terms: four ? 4 : 1,
        // Rows and columns beyond the product are read as its last, and not stored.
        before: `${
          each(
            columns,
            (c) => `let j${c} = ${clamp(`jFirst + lane + ${c * lanes}u`, N)};`,
          )
        }
${each(rows, (r) => `let i${r} = ${clamp(`iFirst + ${r}u`, M)};`)}`,
        round: layout === "TN"
          ? termTN(scope, tile, sizes)
          : four
          ? termFour(scope, tile, layout, sizes)
          : termOne(scope, tile, layout, sizes),
      };
    },
  };
  return registerMatmul(product, { tile, target, loop });
}

/** One term, rows of a along the inner size: every lane reads the same elements of a, side by side those of b (NN). */
function termOne(
  scope: Scope,
  { rows, columns }: DirectTile,
  layout: Product["layout"],
  { N, K }: SizesText,
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

/** Four terms at a time: one load of a serves four; they are added one after the other, as term by term. */
function termFour(
  scope: Scope,
  { rows, columns }: DirectTile,
  layout: Product["layout"],
  { N, K }: SizesText,
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

/** One term, columns of a along the inner size: the rows of a lane are side by side, four a load where they may be. */
function termTN(
  scope: Scope,
  { rows, columns }: DirectTile,
  { M, N }: SizesText,
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
