/**
 * What a lane computes from staged rows: scores of its own rows with every 8th other row, and sums over all other
 * rows of every 8th vec4 of the head's columns. All are named variables, never arrays: indices into those would be
 * checked at every step.
 *
 * ```text
 * name_R_J    own row R (of the lane's) with other row tx + 8 J        a score, f32
 * name_R_C    own row R, vec4 tx + 8 C of the head's columns           a sum over other rows, vec4<f32>
 * ```
 * @module
 */
import type { Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import { type HeadRows, loadFour } from "./staging.ts";
import { ACROSS, type AttentionTile, isInPasses } from "./tile.ts";

/** Declares the scores `NAME_R_J`, zero. */
export function declareScores(tile: AttentionTile, name: string): string {
  return each(
    tile.rows,
    (r) => each(tile.others, (j) => `var ${name}_${r}_${j} = 0.0;`),
  );
}

/**
 * Adds products of own with other rows, over the staged columns, to the scores. A lane's own rows are loaded once
 * for all its other rows, so of 4 by 4 pairs each value that is loaded serves four products.
 */
export function addProducts(
  tile: AttentionTile,
  names: { into: string; own: string; other: string },
): string {
  const { rows, others, span, stride } = tile;
  return `for (var d = 0u; d < ${span}u; d++) {
${
    each(
      rows,
      (r) =>
        `let a${r} = ${names.own}[(ty * ${rows}u + ${r}u) * ${stride}u + d];`,
    )
  }
${
    each(others, (j) =>
      `let o${j} = ${names.other}[(tx + ${j * ACROSS}u) * ${stride}u + d];
${
        each(rows, (r) => `${names.into}_${r}_${j} += dot(a${r}, o${j});`)
      }`)
  }
}`;
}

/** Other rows that scores are multiplied with. */
export interface OtherRows extends HeadRows {
  readonly tensor: string;
  /** Where whole rows of them are staged. */
  readonly staged: string;
}

/**
 * Adds scores (in workgroup memory, own by other) times other rows to the sums `into_R_C`. Whole rows are read where
 * they are staged; in passes from the tensor itself: staging them once more would cost two barriers a pass and
 * code for each, and lanes side by side read side by side. Other rows in their order either way: the same bits.
 */
export function accumulate(
  scope: Scope,
  tile: AttentionTile,
  { into, scores, from }: {
    readonly into: string;
    readonly scores: string;
    readonly from: OtherRows;
  },
): string {
  const { rows, columns, other, stride } = tile;
  const passes = isInPasses(tile);
  const value = (c: number): string =>
    passes
      ? loadFour(scope, {
        tensor: from.tensor,
        row: "row",
        d: `(${columnOf(tile, c)})`,
        headDim: from.headDim,
      })
      : `${from.staged}[n * ${stride}u + ${columnOf(tile, c)}]`;
  const count = passes
    ? `min(${other}u, ${from.T} - ${from.first})`
    : `${other}u`;
  const row = passes
    ? `let row = (b * ${from.T} + ${from.first} + n) * ${from.width}u + ${from.head} * ${from.headDim}u;`
    : "";
  return `for (var n = 0u; n < ${count}; n++) {
${row}
${
    each(
      rows,
      (r) =>
        `let p${r} = ${scores}[(ty * ${rows}u + ${r}u) * ${other + 1}u + n];`,
    )
  }
${
    each(columns, (c) =>
      `let o${c} = ${value(c)};
${each(rows, (r) => `${into}_${r}_${c} += p${r} * o${c};`)}`)
  }
}`;
}

/** vec4 number `c` of a lane; lanes beyond the head read its last, and store nothing of it. */
function columnOf(tile: AttentionTile, c: number): string {
  const column = `tx + ${c * ACROSS}u`;
  return (c + 1) * ACROSS <= tile.depth
    ? column
    : `min(${column}, ${tile.depth - 1}u)`;
}

/** Stores a lane's sums of own rows, `value(r, c)` each a vec4. */
export function storeSums(
  scope: Scope,
  tile: AttentionTile,
  to: HeadRows & {
    readonly tensor: string;
    readonly value: (r: number, c: number) => string;
  },
): string {
  const tensor = scope.tensor(to.tensor);
  const { headDim } = to;
  return each(tile.rows, (r) =>
    `{
let t = ${to.first} + ty * ${tile.rows}u + ${r}u;
if (t < ${to.T}) {
let at = (b * ${to.T} + t) * ${to.width}u + ${to.head} * ${headDim}u;
${
      each(tile.columns, (c) => {
        const d = `d${c}`;
        const stores = tensor.wide
          ? tensor.storeWide(`at / 4u + ${d}`, to.value(r, c))
          : `let value = ${to.value(r, c)};
${
            each(4, (i) => {
              const line = tensor.store(
                `at + ${d} * 4u + ${i}u`,
                `value.${"xyzw"[i]}`,
              );
              return headDim % 4 === 0
                ? line
                : `if (${d} * 4u + ${i}u < ${headDim}u) { ${line} }`;
            })
          }`;
        return `let ${d} = tx + ${
          c * ACROSS
        }u;\nif (${d} < ${tile.depth}u) { ${stores} }`;
      })
    }
}
}`);
}
