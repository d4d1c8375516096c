/**
 * Gradients of keys and values: a workgroup has a tile of keys and goes through the tiles of queries that see them,
 * for each of the query heads that read its key head; so each sum is one workgroup's, in one order.
 * @module
 */
import { product } from "@denotune/denotune/core";
import type { DispatchSpec, Lowering, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import {
  queryRange,
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
  KEY_GRADIENTS,
  showAttentionTile,
} from "./tile.ts";

/** The dispatch of dK and dV. */
export function keyGradients(
  lowering: Lowering<"attention_backward">,
  sizes: AttentionSizes,
  views: BackwardViews,
): DispatchSpec {
  const { attributes } = lowering;
  const { B, T, heads, kvHeads, headDim } = attributes;
  const tile = chooseTile(lowering.limits, headDim, KEY_GRADIENTS);
  const { rows, others } = tile;
  const wide = headDim % 4 === 0;
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const shared = { headDim, T: t };
    const own = {
      ...shared,
      count: tile.own,
      first: "first",
      width: sizes.kvWidth,
      head: "kv",
    };
    const other = {
      ...shared,
      count: tile.other,
      first: "q0",
      width: sizes.width,
      head: "h",
    };
    const stage =
      (from: HeadRows, tensor: string, into: string) => (pass?: string) =>
        loadTile(scope, tile, { ...from, tensor, into, pass });
    const loadOwn = both(stage(own, "k", "ownA"), stage(own, "v", "ownB"));
    const loadOther = both(
      stage(other, "q", "otherA"),
      stage(other, "dOut", "otherB"),
    );
    return `let tiles = (${t} + ${tile.own - 1}u) / ${tile.own}u;
if (group >= tiles * ${scope.size(product([B, kvHeads]))}) { return; }
let pair = group / tiles;
let first = (group - pair * tiles) * ${tile.own}u;
let b = pair / ${kvHeads}u;
let kv = pair - b * ${kvHeads}u;
let tx = lane % ${ACROSS}u;
let ty = lane / ${ACROSS}u;
${isInPasses(tile) ? "" : loadOwn()}
${loadSegments(scope, tile, { ...own, into: "ownSegments" })}
workgroupBarrier();
${segmentRange(scope, "own", own)}
// Of each own row (a key): position, segment, and sums of its gradients.
${
      each(rows, (r) =>
        `let j${r} = first + ty * ${rows}u + ${r}u;
let seg${r} = ownSegments[ty * ${rows}u + ${r}u];
${
          each(tile.columns, (c) =>
            `var dk_${r}_${c} = vec4<f32>();
var dv_${r}_${c} = vec4<f32>();`)
        }`)
    }
${
      queryRange(attributes, {
        first: "first",
        count: tile.own,
        step: tile.other,
        T: t,
      })
    }
// All query heads that read this key head add to its gradients, in order.
for (var h = kv * ${sizes.group}u; h < (kv + 1u) * ${sizes.group}u; h++) {
for (var q0 = qStart; q0 < qEnd; q0 += ${tile.other}u) {
${segmentRange(scope, "other", other)}
${skipUnlessOverlap("own", "other")}
${scoresAndGradients(scope, tile, { other, loadOwn, loadOther })}
${
      each(others, (j) =>
        `{
let i = q0 + tx + ${j * ACROSS}u;
let place = (b * ${t} + min(i, ${t} - 1u)) * ${heads}u + h;
let lse = ${scope.tensor("statistics").load("place * 2u")};
let delta = ${scope.tensor("statistics").load("place * 2u + 1u")};
let segment = otherSegments[tx + ${j * ACROSS}u];
${
          each(rows, (r) =>
            `{
  let visible = i < ${t} && ${
              seesText(attributes, "i", `j${r}`)
            } && seg${r} == segment;
  let s = ${scoreText(attributes, `s_${r}_${j}`)};
  let p = select(0.0, exp(s - lse), visible);
  ${scoreGradient(attributes.softcap, attributes.scale, `g_${r}_${j}`, "delta")}
  let cell = (ty * ${rows}u + ${r}u) * ${tile.other + 1}u + tx + ${j * ACROSS}u;
  scores[cell] = dZ;
  weights[cell] = p;
}`)
        }
}`)
    }
workgroupBarrier(); // scores' gradients and weights are written
${
      accumulate(scope, tile, {
        into: "dk",
        scores: "scores",
        from: { ...other, tensor: "q", staged: "otherA" },
      })
    }
${
      accumulate(scope, tile, {
        into: "dv",
        scores: "weights",
        from: { ...other, tensor: "dOut", staged: "otherB" },
      })
    }
}
}
${
      storeSums(scope, tile, {
        ...own,
        tensor: "dK",
        value: (r, c) => `dk_${r}_${c}`,
      })
    }
${
      storeSums(scope, tile, {
        ...own,
        tensor: "dV",
        value: (r, c) => `dv_${r}_${c}`,
      })
    }`;
  };
  return {
    name: `attention_backward kv ${showAttentionTile(tile)}`,
    tensors: [
      ...inputsOf(views, wide),
      { name: "dK", view: views.dK, writes: true, wide },
      { name: "dV", view: views.dV, writes: true, wide },
    ],
    workgroup: [tile.lanes, 1, 1],
    body,
    declarations: () => memory(tile, 2),
    grid: (size) => ({
      groups: Math.ceil(size(T) / tile.own) * size(B) * kvHeads,
    }),
    cost: (size) => 8 * size(B) * heads * size(T) ** 2 * headDim,
  };
}
