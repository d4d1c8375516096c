/**
 * Gradients of queries: a workgroup has a tile of queries and goes through the tiles of keys and values that they
 * see; dZ of a pair of tiles goes through workgroup memory, because a lane's scores are of few keys and its sums of
 * all.
 * @module
 */
import { product } from "@denotune/denotune/core";
import type { DispatchSpec, Lowering, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import {
  keyRange,
  scoreText,
  seesText,
  segmentRange,
  skipUnlessOverlap,
} from "./mask.ts";
import {
  type BackwardViews,
  both,
  inputsOf,
  memory,
  scoreGradient,
  scoresAndGradients,
} from "./backward_tiles.ts";
import type { AttentionSizes } from "./operands.ts";
import { accumulate, storeSums } from "./products.ts";
import { type HeadRows, loadSegments, loadTile } from "./staging.ts";
import {
  ACROSS,
  chooseTile,
  isInPasses,
  QUERY_GRADIENTS,
  showAttentionTile,
} from "./tile.ts";

/** The dispatch of dQ. */
export function queryGradients(
  lowering: Lowering<"attention_backward">,
  sizes: AttentionSizes,
  views: BackwardViews,
): DispatchSpec {
  const { attributes } = lowering;
  const { B, T, heads, headDim } = attributes;
  const tile = chooseTile(lowering.limits, headDim, QUERY_GRADIENTS);
  const { rows, others } = tile;
  const wide = headDim % 4 === 0;
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const shared = { headDim, T: t };
    const own = {
      ...shared,
      count: tile.own,
      first: "first",
      width: sizes.width,
      head: "h",
    };
    const other = {
      ...shared,
      count: tile.other,
      first: "k0",
      width: sizes.kvWidth,
      head: "kv",
    };
    const stage =
      (from: HeadRows, tensor: string, into: string) => (pass?: string) =>
        loadTile(scope, tile, { ...from, tensor, into, pass });
    const loadOwn = both(stage(own, "q", "ownA"), stage(own, "dOut", "ownB"));
    const loadOther = both(
      stage(other, "k", "otherA"),
      stage(other, "v", "otherB"),
    );
    return `let tiles = (${t} + ${tile.own - 1}u) / ${tile.own}u;
if (group >= tiles * ${scope.size(product([B, heads]))}) { return; }
let pair = group / tiles;
// The last tile has the most keys to see: it starts first.
let first = (tiles - 1u - (group - pair * tiles)) * ${tile.own}u;
let b = pair / ${heads}u;
let h = pair - b * ${heads}u;
let kv = h / ${sizes.group}u;
let tx = lane % ${ACROSS}u;
let ty = lane / ${ACROSS}u;
${isInPasses(tile) ? "" : loadOwn()}
${loadSegments(scope, tile, { ...own, into: "ownSegments" })}
workgroupBarrier();
${segmentRange(scope, "own", own)}
// Of each own row: position, segment, what its scores are measured from, and sums.
${
      each(rows, (r) =>
        `let i${r} = first + ty * ${rows}u + ${r}u;
let seg${r} = ownSegments[ty * ${rows}u + ${r}u];
let place${r} = (b * ${t} + min(i${r}, ${t} - 1u)) * ${heads}u + h;
let lse${r} = ${scope.tensor("statistics").load(`place${r} * 2u`)};
let delta${r} = ${scope.tensor("statistics").load(`place${r} * 2u + 1u`)};
${each(tile.columns, (c) => `var sum_${r}_${c} = vec4<f32>();`)}`)
    }
${
      keyRange(attributes, {
        first: "first",
        count: tile.own,
        step: tile.other,
        T: t,
      })
    }
for (var k0 = kStart; k0 < kEnd; k0 += ${tile.other}u) {
${segmentRange(scope, "other", other)}
${skipUnlessOverlap("own", "other")}
${scoresAndGradients(scope, tile, { other, loadOwn, loadOther })}
${
      each(rows, (r) =>
        each(others, (j) =>
          `{
  let j = k0 + tx + ${j * ACROSS}u;
  let visible = j < ${t} && ${
            seesText(attributes, `i${r}`, "j")
          } && seg${r} == otherSegments[tx + ${j * ACROSS}u];
  let s = ${scoreText(attributes, `s_${r}_${j}`)};
  let p = select(0.0, exp(s - lse${r}), visible);
  ${
            scoreGradient(
              attributes.softcap,
              attributes.scale,
              `g_${r}_${j}`,
              `delta${r}`,
            )
          }
  scores[(ty * ${rows}u + ${r}u) * ${tile.other + 1}u + tx + ${
            j * ACROSS
          }u] = dZ;
}`))
    }
workgroupBarrier(); // scores' gradients are written
${
      accumulate(scope, tile, {
        into: "sum",
        scores: "scores",
        from: { ...other, tensor: "k", staged: "otherA" },
      })
    }
}
${
      storeSums(scope, tile, {
        ...own,
        tensor: "dQ",
        value: (r, c) => `sum_${r}_${c}`,
      })
    }`;
  };
  return {
    name: `attention_backward q ${showAttentionTile(tile)}`,
    tensors: [
      ...inputsOf(views, wide),
      { name: "dQ", view: views.dQ, writes: true, wide },
    ],
    workgroup: [tile.lanes, 1, 1],
    body,
    declarations: () => memory(tile, 1),
    grid: (size) => ({
      groups: Math.ceil(size(T) / tile.own) * size(B) * heads,
    }),
    cost: (size) => 6 * size(B) * heads * size(T) ** 2 * headDim,
  };
}
