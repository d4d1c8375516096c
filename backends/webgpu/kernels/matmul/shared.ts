/**
 * Matrix products in blocks that a workgroup stages in its memory. No operand is ever transposed: staging keeps
 * an operand's contiguous dimension, and the inner loop is written for each layout.
 *
 * ```text
 *        staged as              inner loop, four terms at a time
 * NN     a [row][k4] b [k][n4]  s[r] += a[r].x b[0] + a[r].y b[1] + ...      (vec4s of n)
 * NT     a [row][k4] b [n][k4]  s[r][c] += dot(a[r], b[c])
 * TN     a [k][m4]   b [k][n4]  s[r] += a[r] b                               (one term)
 * ```
 *
 * Sums are named variables, never an array: indices into those would be checked at every step.
 *
 * A lane's rows and columns are not side by side but every (bm / tm)-th and (bn / tn)-th: in each load of the inner
 * loop adjacent lanes then read adjacent vec4s, which are in different banks. Of tm by tn sums, tm + tn values that
 * are loaded serve tm tn multiply-adds; the tile is as large as registers allow.
 * @module
 */
import type { DispatchSpec, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import {
  endTensors,
  factorTensors,
  type Product,
  productName,
  storeProduct,
} from "./product.ts";
import {
  partRange,
  type SplitTarget,
  splitTensors,
  storePart,
  storePartWide,
} from "./split.ts";
import { stageAcross, stageAlong } from "./staging.ts";
import { type SharedTile, showTile } from "./tiles.ts";

/** Invocations of a workgroup. */
export function invocationsOf({ bm, bn, tm, tn }: SharedTile): number {
  return (bm / tm) * (bn / tn);
}

/** Bytes of workgroup memory. */
export function sharedBytesOf(
  layout: Product["layout"],
  { bm, bn, bk }: SharedTile,
): number {
  const a = layout === "TN" ? bk * bm : bm * (bk + 4);
  const b = layout === "NT" ? bn * (bk + 4) : bk * bn;
  return (a + b) * 4;
}

/** Whether a tile can be generated: every size a whole number of vec4s, lanes and loads. */
export function isSound(
  layout: Product["layout"],
  tile: SharedTile,
  limits: { sharedBytes: number; maxInvocations: number },
): boolean {
  const { bm, bn, bk, tm, tn } = tile;
  const invocations = invocationsOf(tile);
  return bm % tm === 0 && bn % tn === 0 && bk % 4 === 0 && bm % 4 === 0 &&
    bn % 4 === 0 && tn % 4 === 0 && (layout !== "TN" || tm % 4 === 0) &&
    invocations >= 8 && invocations <= limits.maxInvocations &&
    sharedBytesOf(layout, tile) <= limits.sharedBytes;
}

/** A dispatch of a staged product; with `target`, of one part of the inner size each. */
export function sharedMatmul(
  product: Product,
  tile: SharedTile,
  target: SplitTarget | null,
): DispatchSpec {
  const { layout, batch, m, n, k, staged } = product;
  const { bm, bn, bk, tm, split } = tile;
  const whole = (d: unknown): boolean => typeof d === "number" && d % 4 === 0;
  const wide = {
    a: whole(layout === "TN" ? m : k),
    b: whole(layout === "NT" ? k : n),
    // NT has every ACROSS-th column: single stores are side by side already.
    out: layout !== "NT" && whole(n),
  };
  const invocations = invocationsOf(tile);
  const body = (scope: Scope): string => {
    const [M, N, K] = [m, n, k].map((d) => scope.size(d));
    return `// Blocks of ${bm} rows and ${bn} columns of the product: a workgroup has one.
let across = (${N} + ${bn - 1}u) / ${bn}u;
let down = (${M} + ${bm - 1}u) / ${bm}u;
if (group >= across * down) { return; }
// Blocks go down in bands of eight rows, so that neighbours share what the caches hold.
let band = group / (across * 8u);
let height = min(8u, down - band * 8u);
let inBand = group - band * across * 8u;
let i0 = (band * 8u + inBand % height) * ${bm}u;
let j0 = (inBand / height) * ${bn}u;
// z counts the products of the batch, and within each the parts of its inner size.
let g = wg.z / ${split}u;
let part = wg.z % ${split}u;
let aStart = g * ${M} * ${K};
let bStart = g * ${K} * ${N};
// A lane has ${tm} rows (by ty) and ${tile.tn} columns (by tx) of the block.
let tx = lane % ${bn / tile.tn}u;
let ty = lane / ${bn / tile.tn}u;
${partRange(K, split, 4)}
${declareSums(layout, tile)}
for (var k0 = kStart; k0 < kEnd; k0 += ${bk}u) {
// Stage ${bk} terms of both operands; elements beyond them are 0 and add nothing.
${
      layout === "TN"
        ? stageAcross(scope, "a", {
          block: bm,
          bk,
          first: "i0",
          limit: M,
          start: "aStart",
          into: "as",
          invocations,
          staged,
        })
        : stageAlong(scope, "a", {
          block: bm,
          bk,
          first: "i0",
          limit: M,
          K,
          start: "aStart",
          into: "as",
          invocations,
          staged,
        })
    }
${
      layout === "NT"
        ? stageAlong(scope, "b", {
          block: bn,
          bk,
          first: "j0",
          limit: N,
          K,
          start: "bStart",
          into: "bs",
          invocations,
          staged,
        })
        : stageAcross(scope, "b", {
          block: bn,
          bk,
          first: "j0",
          limit: N,
          start: "bStart",
          into: "bs",
          invocations,
          staged,
        })
    }
workgroupBarrier(); // both blocks are staged
${innerLoop(product, tile)}
workgroupBarrier(); // all have read, the next terms may be staged
}
${each(tm, (r) => storeRow(scope, product, tile, { r, target, M, N }))}`;
  };
  const rowWords = layout === "TN" ? bk * bm / 4 : bm * (bk / 4 + 1);
  const columnWords = layout === "NT" ? bn * (bk / 4 + 1) : bk * bn / 4;
  return {
    name: target === null
      ? productName(product, showTile(tile))
      : `matmul ${layout} ${showTile(tile)}`,
    tensors: target === null
      ? [
        ...factorTensors(product, wide),
        ...endTensors(product, { wide: wide.out }),
      ]
      : splitTensors(product, target, { ...wide, parts: wide.out }),
    workgroup: [invocations, 1, 1],
    body,
    declarations: () =>
      `var<workgroup> as_: array<vec4<${staged}>, ${rowWords}>;
var<workgroup> bs_: array<vec4<${staged}>, ${columnWords}>;`,
    grid: (size) => ({
      groups: Math.ceil(size(m) / bm) * Math.ceil(size(n) / bn),
      z: size(batch) * split,
    }),
    cost: (size) => 2 * size(batch) * size(m) * size(n) * size(k),
  };
}

/** Rows of a thread: `ty` and every (bm / tm)-th after it; TN: four side by side. */
function rowOf(
  layout: Product["layout"],
  { bm, tm }: SharedTile,
  r: number,
): string {
  return layout === "TN"
    ? `(ty + ${Math.floor(r / 4) * (bm / tm)}u) * 4u + ${r % 4}u`
    : `ty + ${r * (bm / tm)}u`;
}

/** Sums of a lane: scalars where columns are apart (NT), vec4s of columns elsewhere. */
function declareSums(
  layout: Product["layout"],
  { tm, tn }: SharedTile,
): string {
  return each(
    tm,
    (r) =>
      layout === "NT"
        ? each(tn, (c) => `var s_${r}_${c} = 0.0;`)
        : each(tn / 4, (c) => `var s_${r}_${c} = vec4<f32>();`),
  );
}

/** All staged terms, from workgroup memory: each of the lane's columns of b is loaded once for all of its rows. */
function innerLoop(
  { layout, staged }: Pick<Product, "layout" | "staged">,
  tile: SharedTile,
): string {
  // sums are in f32: what is staged in f16 is widened here
  const wide = (element: string) =>
    staged === "f16" ? `vec4<f32>(${element})` : element;
  const { bm, bn, bk, tm, tn } = tile;
  const [perRow, perColumn] = [bm / tm, bn / tn];
  if (layout === "TN") {
    // q is one term: a vec4 of a has four rows of it, a vec4 of b four columns
    return `for (var q = 0u; q < ${bk}u; q++) {
${
      each(tm / 4, (r) =>
        `let a${r} = ${wide(`as_[q * ${bm / 4}u + ty + ${r * perRow}u]`)};`)
    }
${
      each(tn / 4, (c) =>
        `let b${c} = ${wide(`bs_[q * ${bn / 4}u + tx + ${c * perColumn}u]`)};
${
          each(tm, (r) =>
            `s_${r}_${c} = fma(vec4<f32>(a${Math.floor(r / 4)}.${
              "xyzw"[r % 4]
            }), b${c}, s_${r}_${c});`)
        }`)
    }
}`;
  }
  const loadA = each(
    tm,
    (r) =>
      `let a${r} = ${wide(`as_[(ty + ${r * perRow}u) * ${bk / 4 + 1}u + q]`)};`,
  );
  // q is four terms: a vec4 of a has those of one row
  if (layout === "NT") {
    // and a vec4 of b those of one column
    return `for (var q = 0u; q < ${bk / 4}u; q++) {
${loadA}
${
      each(tn, (c) =>
        `let b${c} = ${
          wide(`bs_[(tx + ${c * perColumn}u) * ${bk / 4 + 1}u + q]`)
        };
${
          each(tm, (r) => `s_${r}_${c} += dot(a${r}, b${c});`)
        }`)
    }
}`;
  }
  // b has a row of vec4s of columns for each of the four terms
  return `for (var q = 0u; q < ${bk / 4}u; q++) {
${loadA}
${
    each(4, (t) =>
      each(tn / 4, (c) =>
        `let b${t}_${c} = ${
          wide(
            `bs_[(q * 4u + ${t}u) * ${bn / 4}u + tx + ${c * perColumn}u]`,
          )
        };
${
          each(tm, (r) =>
            `s_${r}_${c} = fma(vec4<f32>(a${r}.${
              "xyzw"[t]
            }), b${t}_${c}, s_${r}_${c});`)
        }`))
  }
}`;
}

/** Stores row r of a lane: what is beyond the product is left out here, not in the loops. */
function storeRow(
  scope: Scope,
  product: Product,
  tile: SharedTile,
  { r, target, M, N }: {
    r: number;
    target: SplitTarget | null;
    M: string;
    N: string;
  },
): string {
  const { layout } = product;
  const { bn, tn } = tile;
  const perColumn = bn / tn;
  const out = scope.tensor(target === null ? "out0" : "parts");
  const one = (column: string, value: string) =>
    `{
let j = ${column};
if (j < ${N}) {
  let at = row + j;
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
}`;
  const columns = layout === "NT"
    ? each(tn, (c) => one(`j0 + tx + ${c * perColumn}u`, `s_${r}_${c}`))
    : each(tn / 4, (c) => {
      const first = `j0 + (tx + ${c * perColumn}u) * 4u`;
      if (!out.wide) {
        return each(
          4,
          (q) => one(`${first} + ${q}u`, `s_${r}_${c}.${"xyzw"[q]}`),
        );
      }
      return `{
let j = ${first};
if (j < ${N}) {
  let at = row + j;
  ${
        target === null
          ? storeProduct(scope, product, {
            value: `s_${r}_${c}`,
            row: `g * ${M} + i`,
            column: "j",
            at: "at",
            four: true,
          })
          : storePartWide(scope, product, `s_${r}_${c}`)
      }
}
}`;
    });
  return `{
let i = i0 + ${rowOf(layout, tile, r)};
if (i < ${M}) {
let row = g * ${M} * ${N} + i * ${N};
${columns}
}
}`;
}
