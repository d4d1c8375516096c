/**
 * Attention forward in tiles with a running softmax (FlashAttention, arXiv:2205.14135): (T, T) never
 * exists, tiles that no query of the workgroup can see are left out.
 * @module
 */
import { product } from "@denotune/denotune/core";
import type { DispatchSpec, Lower, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import { LaneReduction, MOST_NEGATIVE } from "../../shader/reduce.ts";
import {
  accumulate,
  ACROSS,
  attentionInputs,
  attentionSizes,
  chooseTile,
  keyRange,
  loadSegments,
  loadTile,
  products,
  ROWS,
  scoreText,
  seesText,
  segmentRange,
  storeSums,
  tileMemory,
} from "./tile.ts";
import { broadcastForward, broadcastLanes } from "./subgroup_broadcast.ts";

/** Attention within equal segments of each row of the batch. */
export const attention: Lower<"attention"> = (lowering) => {
  const { attributes, outputs, limits } = lowering;
  const { B, T, heads, headDim } = attributes;
  const sizes = attentionSizes(attributes, (d) => lowering.capacity(d));
  const { q, k, v, segments } = attentionInputs(lowering, sizes);
  const out = lowering.expect("out", outputs[0], sizes.rows * sizes.width);
  const lse = lowering.expect("lse", outputs[1], sizes.rows * heads);
  const wide = headDim % 4 === 0;
  const tensors: DispatchSpec["tensors"] = [
    { name: "q", view: q, wide },
    { name: "k", view: k, wide },
    { name: "v", view: v, wide },
    { name: "segments", view: segments },
    { name: "out", view: out, writes: true, wide },
    { name: "lse", view: lse, writes: true },
  ];
  const lanes = broadcastLanes(limits, headDim);
  if (lanes !== null) {
    lowering.emit(broadcastForward({ attributes, sizes, lanes }, tensors));
    return;
  }
  const tile = chooseTile(lowering, headDim, {
    ownTiles: 1,
    otherTiles: 2,
    scores: 1,
  });
  const reduction = new LaneReduction(limits, {
    width: ACROSS,
    invocations: tile.lanes,
  });
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const own = {
      count: tile.own,
      first: "first",
      width: sizes.width,
      head: "h",
      headDim,
      T: t,
    };
    const other = {
      count: tile.other,
      first: "k0",
      width: sizes.kvWidth,
      head: "kv",
      headDim,
      T: t,
    };
    const cell = (r: number, j: number): string =>
      `{
  let j = k0 + tx + ${j * ACROSS}u;
  let visible = j < ${t} && ${
        seesText(attributes, `i${r}`, "j")
      } && seg${r} == keySegments[tx + ${j * ACROSS}u];
  s_${r}_${j} = select(${MOST_NEGATIVE}, ${
        scoreText(attributes, `s_${r}_${j}`)
      }, visible);
}`;
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
${loadTile(scope, tile, { ...own, tensor: "q", into: "queries" })}
${loadSegments(scope, tile, { ...own, into: "querySegments" })}
workgroupBarrier();
${segmentRange("querySegments", tile.own)}
${
      each(ROWS, (r) =>
        `let i${r} = first + ty * ${ROWS}u + ${r}u;
let seg${r} = querySegments[ty * ${ROWS}u + ${r}u];
var m${r} = ${MOST_NEGATIVE};
var l${r} = 0.0;
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
workgroupBarrier(); // the tiles before are read
${loadSegments(scope, tile, { ...other, into: "keySegments" })}
workgroupBarrier();
${segmentRange("keySegments", tile.other)}
if (high_keySegments < low_querySegments || low_keySegments > high_querySegments) { continue; }
${loadTile(scope, tile, { ...other, tensor: "k", into: "keys" })}
${loadTile(scope, tile, { ...other, tensor: "v", into: "values" })}
workgroupBarrier();
${products(tile, { into: "s", own: "queries", other: "keys" })}
${each(ROWS, (r) => each(tile.others, (j) => cell(r, j)))}
${
      each(ROWS, (r) =>
        `var top${r} = s_${r}_0;
${each(tile.others - 1, (j) => `top${r} = max(top${r}, s_${r}_${j + 1});`)}
${reduction.statements("max", `top${r}`)}
top${r} = max(top${r}, m${r});
let shrink${r} = exp(m${r} - top${r});
m${r} = top${r};
l${r} *= shrink${r};
${each(tile.columns, (c) => `sum_${r}_${c} *= shrink${r};`)}
${
          each(tile.others, (j) =>
            `{
  let p = select(0.0, exp(s_${r}_${j} - top${r}), s_${r}_${j} > ${MOST_NEGATIVE});
  l${r} += p;
  scores[(ty * ${ROWS}u + ${r}u) * ${tile.other + 1}u + tx + ${
              j * ACROSS
            }u] = p;
}`)
        }`)
    }
workgroupBarrier();
${accumulate(tile, { into: "sum", scores: "scores", other: "values" })}
}
${each(ROWS, (r) => reduction.statements("sum", `l${r}`))}
${
      storeSums(scope, tile, {
        ...own,
        tensor: "out",
        value: (r, c) => `sum_${r}_${c} / l${r}`,
      })
    }
if (tx == 0u) {
${
      each(ROWS, (r) =>
        `if (i${r} < ${t}) { ${
          scope.tensor("lse").store(
            `(b * ${t} + i${r}) * ${heads}u + h`,
            `m${r} + log(l${r})`,
          )
        } }`)
    }
}`;
  };
  lowering.emit({
    name: `attention ${tile.own}x${tile.other}`,
    tensors,
    workgroup: [tile.lanes, 1, 1],
    body,
    declarations: () =>
      `${tileMemory("queries", tile.own, tile)}
${tileMemory("keys", tile.other, tile)}
${tileMemory("values", tile.other, tile)}
var<workgroup> scores: array<f32, ${tile.own * (tile.other + 1)}>;
var<workgroup> querySegments: array<i32, ${tile.own}>;
var<workgroup> keySegments: array<i32, ${tile.other}>;
${reduction.declarations}`,
    grid: (size) => ({
      groups: Math.ceil(size(T) / tile.own) * size(B) * heads,
    }),
    cost: (size) => 4 * size(B) * heads * size(T) ** 2 * headDim,
  });
};
