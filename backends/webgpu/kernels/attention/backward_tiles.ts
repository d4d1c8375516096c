/**
 * Code that the two kernels of attention's gradients share.
 * @module
 */
import type { View } from "@denotune/denotune/core";
import type { DispatchSpec, Scope } from "../../shader/dispatch.ts";
import { f32Text } from "../../shader/numbers.ts";
import { addProducts, declareScores } from "./products.ts";
import {
  type HeadRows,
  inPasses,
  loadSegments,
  tileMemory,
} from "./staging.ts";
import type { AttentionTile } from "./tile.ts";

/** Tensors of the gradients. */
export interface BackwardViews {
  readonly q: View;
  readonly k: View;
  readonly v: View;
  readonly segments: View;
  readonly out: View;
  readonly lse: View;
  readonly dOut: View;
  readonly dQ: View;
  readonly dK: View;
  readonly dV: View;
  /** The lse and delta of each query and head: one tensor, because some adapters allow eight. */
  readonly statistics: View;
}

/** Copies rows of one side, of all columns or those from a pass. */
export type Load = (pass?: string) => string;

/** Two copies, one after the other. */
export function both(a: Load, b: Load): Load {
  return (pass) => `${a(pass)}\n${b(pass)}`;
}

/**
 * Scores `s_R_J` and dP `g_R_J` of a pair of tiles: the products of ownA with otherA, and of ownB with otherB.
 * Own rows are staged before, but for columns in passes.
 */
export function scoresAndGradients(
  scope: Scope,
  tile: AttentionTile,
  { other, loadOwn, loadOther }: {
    other: HeadRows;
    loadOwn: Load;
    loadOther: Load;
  },
): string {
  return `${declareScores(tile, "s")}
${declareScores(tile, "g")}
${
    inPasses(tile, {
      load: (pass) =>
        `${loadSegments(scope, tile, { ...other, into: "otherSegments" })}
${pass === undefined ? "" : loadOwn(pass)}
${loadOther(pass)}`,
      add: `${addProducts(tile, { into: "s", own: "ownA", other: "otherA" })}
${addProducts(tile, { into: "g", own: "ownB", other: "otherB" })}`,
    })
  }`;
}

/** Declares `dZ`, the gradient of a product, from `p`, `s` and what is given (WGSL). */
export function scoreGradient(
  softcap: number | null,
  scale: number,
  dP: string,
  delta: string,
): string {
  const plain = `let dS = p * (${dP} - ${delta}) * ${f32Text(scale)};`;
  return softcap === null
    ? `${plain}\n  let dZ = dS;`
    : `${plain}\n  let bent = s / ${
      f32Text(softcap)
    };\n  let dZ = dS * (1.0 - bent * bent);`;
}

/** The tensors that both kernels read. */
export function inputsOf(
  { q, k, v, segments, dOut, statistics }: BackwardViews,
  wide: boolean,
): DispatchSpec["tensors"] {
  return [
    { name: "q", view: q, wide },
    { name: "k", view: k, wide },
    { name: "v", view: v, wide },
    { name: "segments", view: segments },
    { name: "dOut", view: dOut, wide },
    { name: "statistics", view: statistics },
  ];
}

/** Workgroup memory of both kernels; the second tile of scores holds the weights. */
export function memory(tile: AttentionTile, scores: 1 | 2): string {
  return `${tileMemory("ownA", tile.own, tile)}
${tileMemory("ownB", tile.own, tile)}
${tileMemory("otherA", tile.other, tile)}
${tileMemory("otherB", tile.other, tile)}
var<workgroup> scores: array<f32, ${tile.own * (tile.other + 1)}>;
${
    scores === 2
      ? `var<workgroup> weights: array<f32, ${tile.own * (tile.other + 1)}>;`
      : ""
  }
var<workgroup> ownSegments: array<i32, ${tile.own}>;
var<workgroup> otherSegments: array<i32, ${tile.other}>;`;
}
