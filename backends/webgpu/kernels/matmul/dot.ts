/**
 * Products of a few rows with a matrix stored as (outputs, inner size), NT, as in decoding: every weight is used
 * once, so memory bandwidth is the limit. Adjacent lanes read adjacent terms of the inner size and add up at the end.
 *
 * ```text
 * row j of b   | 0 1 2 3 | 4 .. | ...  lanes L    | next turn: 0 1 2 3 | ...
 * lane           0         1      ...             | 0
 * ```
 *
 * A block of lanes has `columns` rows of b at a time; a workgroup has several blocks.
 * @module
 */
import type { AdapterLimits } from "../../runtime/adapter_limits.ts";
import type { DispatchSpec, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import { LaneReduction } from "../../shader/reduce.ts";
import {
  endTensors,
  factorTensors,
  type Product,
  productName,
  storeEach,
  storeProduct,
} from "./product.ts";
import { type DotTile, showTile } from "./tiles.ts";

/** Invocations of a workgroup where blocks are smaller. */
const INVOCATIONS = 128;

/** Workgroups of a product in dots, at most. */
export function dotGroups(
  { lanes, rows, columns }: DotTile,
  { m, n }: { m: number; n: number },
): number {
  const blocks = Math.max(1, INVOCATIONS / lanes);
  return Math.ceil(m / rows) * Math.ceil(n / (columns * blocks));
}

/** The dispatch of a product in dots. */
export function dotMatmul(
  product: Product,
  tile: DotTile,
  limits: AdapterLimits,
): DispatchSpec {
  const { batch, m, n, k } = product;
  const { rows, columns, lanes } = tile;
  const invocations = Math.max(lanes, INVOCATIONS);
  const blocks = invocations / lanes;
  const reduction = new LaneReduction(limits, { width: lanes, invocations });
  const wide = typeof k === "number" && k % 4 === 0;
  const sums = (text: (r: number, c: number) => string) =>
    each(rows, (r) => each(columns, (c) => text(r, c)));
  const body = (scope: Scope): string => {
    const [M, N, K] = [m, n, k].map((d) => scope.size(d));
    const [a, b] = [scope.tensor("a"), scope.tensor("b")];
    const four = a.wide && b.wide;
    const element = (of: typeof a, start: string) =>
      four ? of.loadWide(`${start} / 4u + p`) : of.load(`${start} + p`);
    return `// Blocks of ${lanes} lanes share ${columns} rows of b (columns of the product) and ${rows} rows of a.
let across = (${N} + ${columns * blocks - 1}u) / ${columns * blocks}u;
let down = (${M} + ${rows - 1}u) / ${rows}u;
if (group >= across * down) { return; }
let blockRow = group / across;
let iFirst = blockRow * ${rows}u;
let jFirst = ((group - blockRow * across) * ${blocks}u + lane / ${lanes}u) * ${columns}u;
let place = lane % ${lanes}u;
let g = wg.z;
// Where rows begin; those beyond the product are read as its last, and not stored.
${
      each(
        columns,
        (c) =>
          `let b${c} = g * ${K} * ${N} + min(jFirst + ${c}u, ${N} - 1u) * ${K};`,
      )
    }
${
      each(
        rows,
        (r) =>
          `let a${r} = g * ${M} * ${K} + min(iFirst + ${r}u, ${M} - 1u) * ${K};`,
      )
    }
${sums((r, c) => `var s_${r}_${c} = 0.0;`)}
// s_R_C: this lane's terms of an element, every ${lanes}-th${
      four ? " vec4" : ""
    }; the lanes are added up afterwards.
for (var p = place; p < ${four ? `${K} / 4u` : K}; p += ${lanes}u) {
${each(columns, (c) => `let y${c} = ${element(b, `b${c}`)};`)}
${
      each(rows, (r) =>
        `let x${r} = ${element(a, `a${r}`)};
${
          each(columns, (c) =>
            four
              ? `s_${r}_${c} += dot(x${r}, y${c});`
              : `s_${r}_${c} = fma(x${r}, y${c}, s_${r}_${c});`)
        }`)
    }
}
// The lanes of a block are added up, sum by sum, in a fixed order.
${sums((r, c) => reduction.statements("sum", `s_${r}_${c}`))}
${
      // every lane has all sums: one stores each
      storeEach(
        product.folded,
        { rows, columns },
        ({ value, r, c }) =>
          `{
let i = iFirst + ${r};
let j = jFirst + ${c};
if (place == (${r} * ${columns}u + ${c}) % ${lanes}u && i < ${M} && j < ${N}) {
  let at = g * ${M} * ${N} + i * ${N} + j;
  ${
            storeProduct(scope, product, {
              value,
              row: `g * ${M} + i`,
              column: "j",
              at: "at",
            })
          }
}
}`,
      )}`;
  };
  return {
    name: productName(product, showTile(tile)),
    tensors: [
      ...factorTensors(product, { a: wide, b: wide }),
      ...endTensors(product, { wide: false }),
    ],
    workgroup: [invocations, 1, 1],
    declarations: () => reduction.declarations,
    body,
    grid: (size) => ({
      groups: dotGroups(tile, { m: size(m), n: size(n) }),
      z: size(batch),
    }),
    cost: (size) => 2 * size(batch) * size(m) * size(n) * size(k),
  };
}
