/**
 * Matrix products in registers alone: the lanes of a subgroup load different elements of a and broadcast
 * them to the others, so that each element is loaded once for all columns. Best where a load is expensive and an
 * exchange cheap: on software adapters, and for few rows.
 *
 * ```text
 *          lane 0   1   2  ...        a, 8 lanes: eight rows (NN, NT) or eight vec4s of columns (TN)
 * rows     . . . .  . . . .           every lane has all rows, and columns of its own
 * ```
 * @module
 */
import type { DispatchSpec, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import type { AdapterLimits } from "../../runtime/adapter_limits.ts";
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
import { type BroadcastTile, showTile } from "./tiles.ts";

/** Terms of the inner size a round. */
const TERMS = 4;

/** Whether the adapter can run such a tile, and the tile suits its subgroups. */
export function canBroadcast(
  layout: Product["layout"],
  { rows, columns }: BroadcastTile,
  { subgroup }: AdapterLimits,
): boolean {
  if (subgroup === null || subgroup.min !== subgroup.max) return false;
  return (layout === "NT" || columns % 4 === 0) &&
    (layout !== "TN" || (rows % 4 === 0 && rows / 4 <= subgroup.max));
}

/** A dispatch of such a product; with `target`, of one part of the inner size each. */
export function broadcastMatmul(
  product: Product,
  tile: BroadcastTile,
  target: SplitTarget | null,
  lanes: number,
): DispatchSpec {
  const { layout, batch, m, n, k } = product;
  const { rows, columns, split } = tile;
  const whole = (d: unknown): boolean => typeof d === "number" && d % 4 === 0;
  const wide = {
    a: whole(layout === "TN" ? m : k),
    b: whole(layout === "NT" ? k : n),
  };
  const body = (scope: Scope): string => {
    const [M, N, K] = [m, n, k].map((d) => scope.size(d));
    const sizes = { M, N, K };
    return `// A workgroup is one subgroup: ${rows} rows by ${
      lanes * columns
    } columns of the product.
let across = (${N} + ${lanes * columns - 1}u) / ${lanes * columns}u;
let down = (${M} + ${rows - 1}u) / ${rows}u;
if (group >= across * down) { return; }
let iFirst = (group / across) * ${rows}u;
let jFirst = (group % across) * ${lanes * columns}u;
// z counts the products of the batch, and within each the parts of its inner size.
let g = wg.z / ${split}u;
let part = wg.z % ${split}u;
let aStart = g * ${M} * ${K};
let bStart = g * ${K} * ${N};
${partRange(K, split, TERMS)}
${each(rows, (r) => each(columns, (c) => `var s_${r}_${c} = 0.0;`))}
// ${TERMS} terms a round. ra_Q: this lane's share of a, broadcast below to all lanes; b_T_C: term T of its column C.
for (var p = kStart; p < kEnd; p += ${TERMS}u) {
${
      layout === "TN"
        ? loadAcross(scope, tile, lanes, sizes)
        : loadAlong(scope, tile, lanes, sizes)
    }
${
      layout === "NT"
        ? loadColumns(scope, tile, lanes, sizes)
        : loadRows(scope, tile, lanes, sizes)
    }
${
      each(TERMS, (t) =>
        each(rows, (r) =>
          `{ let a = ${
            layout === "TN"
              ? broadcastAcross(tile, lanes, r, t)
              : broadcastAlong(lanes, r, t)
          };
${
            each(columns, (c) =>
              `s_${r}_${c} = fma(a, b_${t}_${c}, s_${r}_${c});`)
          } }`))
    }
}
${
      storeEach(
        product.folded && target === null,
        { rows, columns },
        ({ value, r, c }) =>
          `{
let i = iFirst + ${r};
let j = ${columnOf(layout, lanes, c)};
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
      groups: Math.ceil(size(n) / (lanes * columns)) *
        Math.ceil(size(m) / rows),
      z: size(batch) * split,
    }),
    cost: (size) => 2 * size(batch) * size(m) * size(n) * size(k),
  };
}

interface Sizes {
  readonly M: string;
  readonly N: string;
  readonly K: string;
}

/** Column `c` of a lane: every `lanes`-th, or four side by side. */
function columnOf(
  layout: Product["layout"],
  lanes: number,
  c: number | string,
): string {
  const at = typeof c === "number" ? `${c}u` : c;
  return layout === "NT"
    ? `jFirst + lane + ${at} * ${lanes}u`
    : `jFirst + (lane + (${at} / 4u) * ${lanes}u) * 4u + ${at} % 4u`;
}

/** `ra_Q`: lane l has four terms of row Q * lanes + l; zero beyond the end. */
function loadAlong(
  scope: Scope,
  { rows }: BroadcastTile,
  lanes: number,
  { M, K }: Sizes,
): string {
  const a = scope.tensor("a");
  return each(Math.ceil(rows / lanes), (q) => {
    const row = `min(iFirst + ${q * lanes}u + lane, ${M} - 1u)`;
    if (a.wide) {
      return `let ra_${q} = ${
        a.loadWide(`(aStart + ${row} * ${K} + p) / 4u`)
      };`;
    }
    const terms = Array.from(
      { length: TERMS },
      (_, t) =>
        `select(0.0, ${
          a.load(`aStart + ${row} * ${K} + min(p + ${t}u, kEnd - 1u)`)
        }, p + ${t}u < kEnd)`,
    );
    return `let ra_${q} = vec4<f32>(${terms.join(", ")});`;
  });
}

function broadcastAlong(lanes: number, r: number, t: number): string {
  return `subgroupBroadcast(ra_${Math.floor(r / lanes)}.${"xyzw"[t]}, ${
    r % lanes
  }u)`;
}

/** Lanes of one term, terms of one load, loads of a round, where a is contiguous along the rows. */
function across({ rows }: BroadcastTile, lanes: number) {
  const perTerm = rows / 4;
  const perLoad = Math.min(TERMS, Math.max(1, Math.floor(lanes / perTerm)));
  return { perTerm, perLoad };
}

/** `ra_Q`: lane l has four rows of one term. */
function loadAcross(
  scope: Scope,
  tile: BroadcastTile,
  lanes: number,
  { M }: Sizes,
): string {
  const a = scope.tensor("a");
  const { perTerm, perLoad } = across(tile, lanes);
  return each(TERMS / perLoad, (q) => {
    const term = `p + ${q * perLoad}u + min(lane / ${perTerm}u, ${
      perLoad - 1
    }u)`;
    const first = `iFirst + (lane % ${perTerm}u) * 4u`;
    const value = a.wide
      ? a.loadWide(
        `(aStart + term_${q} * ${M} + min(${first}, ${M} - 4u)) / 4u`,
      )
      : `vec4<f32>(${
        [0, 1, 2, 3].map((i) =>
          a.load(`aStart + term_${q} * ${M} + min(${first} + ${i}u, ${M} - 1u)`)
        ).join(", ")
      })`;
    return `let term_${q} = min(${term}, kEnd - 1u);
let ra_${q} = select(vec4<f32>(), ${value}, ${term} < kEnd);`;
  });
}

function broadcastAcross(
  tile: BroadcastTile,
  lanes: number,
  r: number,
  t: number,
): string {
  const { perTerm, perLoad } = across(tile, lanes);
  const lane = (t % perLoad) * perTerm + Math.floor(r / 4);
  return `subgroupBroadcast(ra_${Math.floor(t / perLoad)}.${
    "xyzw"[r % 4]
  }, ${lane}u)`;
}

/** `b_T_C` where b is contiguous along the inner size. */
function loadColumns(
  scope: Scope,
  { columns }: BroadcastTile,
  lanes: number,
  { N, K }: Sizes,
): string {
  const b = scope.tensor("b");
  return each(columns, (c) => {
    const column = `min(${columnOf("NT", lanes, c)}, ${N} - 1u)`;
    const value = b.wide
      ? b.loadWide(`(bStart + ${column} * ${K} + p) / 4u`)
      : `vec4<f32>(${
        [0, 1, 2, 3].map((t) =>
          b.load(`bStart + ${column} * ${K} + min(p + ${t}u, ${K} - 1u)`)
        ).join(", ")
      })`;
    return `let cb_${c} = ${value};
${each(TERMS, (t) => `let b_${t}_${c} = cb_${c}.${"xyzw"[t]};`)}`;
  });
}

/** `b_T_C` where b is contiguous along the columns. */
function loadRows(
  scope: Scope,
  { columns }: BroadcastTile,
  lanes: number,
  { N, K }: Sizes,
): string {
  const b = scope.tensor("b");
  const lanesOf = (q: number) => columnOf("NN", lanes, q * 4);
  return each(TERMS, (t) =>
    each(columns / 4, (q) => {
      const row = `bStart + min(p + ${t}u, ${K} - 1u) * ${N}`;
      const value = b.wide
        ? b.loadWide(`(${row} + min(${lanesOf(q)}, ${N} - 4u)) / 4u`)
        : `vec4<f32>(${
          [0, 1, 2, 3].map((i) =>
            b.load(`${row} + min(${lanesOf(q)} + ${i}u, ${N} - 1u)`)
          ).join(", ")
        })`;
      return `let rb_${t}_${q} = ${value};
${each(4, (i) => `let b_${t}_${q * 4 + i} = rb_${t}_${q}.${"xyzw"[i]};`)}`;
    }));
}
