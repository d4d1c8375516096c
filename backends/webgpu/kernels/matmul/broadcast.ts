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
import type { Product } from "./product.ts";
import {
  type RegisterLoop,
  registerMatmul,
  type SizesText,
  TERMS,
} from "./registers.ts";
import type { SplitTarget } from "./split.ts";
import type { BroadcastTile } from "./tiles.ts";

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

/** A dispatch of such a product; with `target`, of one part of the inner size each. A workgroup is one subgroup. */
export function broadcastMatmul(
  product: Product,
  tile: BroadcastTile,
  target: SplitTarget | null,
  lanes: number,
): DispatchSpec {
  const { layout, m, n, k } = product;
  const { rows, columns } = tile;
  const whole = (d: unknown): boolean => typeof d === "number" && d % 4 === 0;
  const loop: RegisterLoop = {
    lanes,
    wide: {
      a: whole(layout === "TN" ? m : k),
      b: whole(layout === "NT" ? k : n),
    },
    column: (c) => columnOf(layout, lanes, c),
    rounds: (scope, sizes) => ({
      terms: TERMS,
      before: "",
      // ra_Q: this lane's share of a, broadcast to all lanes; b_T_C: term T of its column C
      round: `${
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
      }`,
    }),
  };
  return registerMatmul(product, { tile, target, loop });
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
  { M, K }: SizesText,
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
  { M }: SizesText,
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
  { N, K }: SizesText,
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
  { N, K }: SizesText,
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
