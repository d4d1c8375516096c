/**
 * Attention backward: scores are computed again from the saved logarithm of the denominator. WGSL has no
 * float atomics, so queries' gradients and those of keys and values are two kernels:
 *
 * ```text
 * delta[i] = dOut[i] . out[i]            p = exp(s - lse[i])      dP = dOut[i] . v[j]
 * dZ = p (dP - delta[i]) (1 - (s / softcap)^2) scale
 * dQ[i] += dZ k[j]        dK[j] += dZ q[i]        dV[j] += p dOut[i]
 * ```
 * @module
 */
import { product, type View } from "@denotune/denotune/core";
import type {
  DispatchSpec,
  Lower,
  Lowering,
  Scope,
} from "../../shader/dispatch.ts";
import { each, f32Text } from "../../shader/numbers.ts";
import {
  accumulate,
  ACROSS,
  attentionInputs,
  type AttentionSizes,
  attentionSizes,
  type AttentionTile,
  chooseTile,
  keyRange,
  loadSegments,
  loadTile,
  products,
  queryRange,
  ROWS,
  scoreText,
  seesText,
  segmentRange,
  storeSums,
  tileMemory,
} from "./tile.ts";
import { queryStatistics } from "./statistics.ts";
import {
  broadcastKeyGradients,
  broadcastLanes,
  broadcastQueryGradients,
} from "./subgroup_broadcast.ts";

interface Views {
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

/** Gradients of queries, keys and values. */
export const attentionBackward: Lower<"attention_backward"> = (lowering) => {
  const { attributes, inputs, outputs } = lowering;
  const { heads } = attributes;
  const sizes = attentionSizes(attributes, (d) => lowering.capacity(d));
  const { rows, width, kvWidth } = sizes;
  const views: Views = {
    ...attentionInputs(lowering, sizes),
    out: lowering.expect("out", inputs[4], rows * width),
    lse: lowering.expect("lse", inputs[5], rows * heads),
    dOut: lowering.expect("dOut", inputs[6], rows * width),
    dQ: lowering.expect("dQ", outputs[0], rows * width),
    dK: lowering.expect("dK", outputs[1], rows * kvWidth),
    dV: lowering.expect("dV", outputs[2], rows * kvWidth),
    statistics: lowering.scratch(rows * heads * 2),
  };
  lowering.emit(queryStatistics(attributes, views));
  const { headDim } = attributes;
  const lanes = broadcastLanes(lowering.limits, headDim);
  if (lanes !== null) {
    const spec = { attributes, sizes, lanes };
    const shared = inputsOf(views, true);
    const output = (name: "dQ" | "dK" | "dV") => ({
      name,
      view: views[name],
      writes: true,
      wide: true,
    });
    lowering.emit(broadcastQueryGradients(spec, [...shared, output("dQ")]));
    lowering.emit(
      broadcastKeyGradients(spec, [...shared, output("dK"), output("dV")]),
    );
    return;
  }
  lowering.emit(queryGradients(lowering, sizes, views));
  lowering.emit(keyGradients(lowering, sizes, views));
};

function queryGradients(
  lowering: Lowering<"attention_backward">,
  sizes: AttentionSizes,
  views: Views,
): DispatchSpec {
  const { attributes } = lowering;
  const { B, T, heads, headDim } = attributes;
  const tile = chooseTile(lowering, headDim, {
    ownTiles: 2,
    otherTiles: 2,
    scores: 1,
  });
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
    return `let tiles = (${t} + ${tile.own - 1}u) / ${tile.own}u;
if (group >= tiles * ${scope.size(product([B, heads]))}) { return; }
let pair = group / tiles;
let first = (tiles - 1u - (group - pair * tiles)) * ${tile.own}u;
let b = pair / ${heads}u;
let h = pair - b * ${heads}u;
let kv = h / ${sizes.group}u;
let tx = lane % ${ACROSS}u;
let ty = lane / ${ACROSS}u;
${loadTile(scope, tile, { ...own, tensor: "q", into: "ownA" })}
${loadTile(scope, tile, { ...own, tensor: "dOut", into: "ownB" })}
${loadSegments(scope, tile, { ...own, into: "ownSegments" })}
workgroupBarrier();
${segmentRange("ownSegments", tile.own)}
${
      each(ROWS, (r) =>
        `let i${r} = first + ty * ${ROWS}u + ${r}u;
let seg${r} = ownSegments[ty * ${ROWS}u + ${r}u];
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
workgroupBarrier(); // the tiles before are read
${loadSegments(scope, tile, { ...other, into: "otherSegments" })}
workgroupBarrier();
${segmentRange("otherSegments", tile.other)}
if (high_otherSegments < low_ownSegments || low_otherSegments > high_ownSegments) { continue; }
${loadTile(scope, tile, { ...other, tensor: "k", into: "otherA" })}
${loadTile(scope, tile, { ...other, tensor: "v", into: "otherB" })}
workgroupBarrier();
${products(tile, { into: "s", own: "ownA", other: "otherA" })}
${products(tile, { into: "g", own: "ownB", other: "otherB" })}
${
      each(ROWS, (r) =>
        each(tile.others, (j) =>
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
  scores[(ty * ${ROWS}u + ${r}u) * ${tile.other + 1}u + tx + ${
            j * ACROSS
          }u] = dZ;
}`))
    }
workgroupBarrier();
${accumulate(tile, { into: "sum", scores: "scores", other: "otherA" })}
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
    name: `attention_backward q ${tile.own}x${tile.other}`,
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

function keyGradients(
  lowering: Lowering<"attention_backward">,
  sizes: AttentionSizes,
  views: Views,
): DispatchSpec {
  const { attributes } = lowering;
  const { B, T, heads, kvHeads, headDim } = attributes;
  const tile = chooseTile(lowering, headDim, {
    ownTiles: 2,
    otherTiles: 2,
    scores: 2,
  });
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
    return `let tiles = (${t} + ${tile.own - 1}u) / ${tile.own}u;
if (group >= tiles * ${scope.size(product([B, kvHeads]))}) { return; }
let pair = group / tiles;
let first = (group - pair * tiles) * ${tile.own}u;
let b = pair / ${kvHeads}u;
let kv = pair - b * ${kvHeads}u;
let tx = lane % ${ACROSS}u;
let ty = lane / ${ACROSS}u;
${loadTile(scope, tile, { ...own, tensor: "k", into: "ownA" })}
${loadTile(scope, tile, { ...own, tensor: "v", into: "ownB" })}
${loadSegments(scope, tile, { ...own, into: "ownSegments" })}
workgroupBarrier();
${segmentRange("ownSegments", tile.own)}
${
      each(ROWS, (r) =>
        `let j${r} = first + ty * ${ROWS}u + ${r}u;
let seg${r} = ownSegments[ty * ${ROWS}u + ${r}u];
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
for (var h = kv * ${sizes.group}u; h < (kv + 1u) * ${sizes.group}u; h++) {
for (var q0 = qStart; q0 < qEnd; q0 += ${tile.other}u) {
workgroupBarrier(); // the tiles before are read
${loadSegments(scope, tile, { ...other, into: "otherSegments" })}
workgroupBarrier();
${segmentRange("otherSegments", tile.other)}
if (high_otherSegments < low_ownSegments || low_otherSegments > high_ownSegments) { continue; }
${loadTile(scope, tile, { ...other, tensor: "q", into: "otherA" })}
${loadTile(scope, tile, { ...other, tensor: "dOut", into: "otherB" })}
workgroupBarrier();
${products(tile, { into: "s", own: "ownA", other: "otherA" })}
${products(tile, { into: "g", own: "ownB", other: "otherB" })}
${
      each(tile.others, (j) =>
        `{
let i = q0 + tx + ${j * ACROSS}u;
let place = (b * ${t} + min(i, ${t} - 1u)) * ${heads}u + h;
let lse = ${scope.tensor("statistics").load("place * 2u")};
let delta = ${scope.tensor("statistics").load("place * 2u + 1u")};
let segment = otherSegments[tx + ${j * ACROSS}u];
${
          each(ROWS, (r) =>
            `{
  let visible = i < ${t} && ${
              seesText(attributes, "i", `j${r}`)
            } && seg${r} == segment;
  let s = ${scoreText(attributes, `s_${r}_${j}`)};
  let p = select(0.0, exp(s - lse), visible);
  ${scoreGradient(attributes.softcap, attributes.scale, `g_${r}_${j}`, "delta")}
  let cell = (ty * ${ROWS}u + ${r}u) * ${tile.other + 1}u + tx + ${j * ACROSS}u;
  scores[cell] = dZ;
  weights[cell] = p;
}`)
        }
}`)
    }
workgroupBarrier();
${accumulate(tile, { into: "dk", scores: "scores", other: "otherA" })}
${accumulate(tile, { into: "dv", scores: "weights", other: "otherB" })}
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
    name: `attention_backward kv ${tile.own}x${tile.other}`,
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

function scoreGradient(
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

function inputsOf(
  { q, k, v, segments, dOut, statistics }: Views,
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

function memory(tile: AttentionTile, scores: 1 | 2): string {
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
