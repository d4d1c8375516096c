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
  keyRange,
  queryRange,
  scoreText,
  seesText,
  segmentRange,
  skipUnlessOverlap,
} from "./mask.ts";
import {
  attentionInputs,
  type AttentionSizes,
  attentionSizes,
} from "./operands.ts";
import {
  accumulate,
  addProducts,
  declareScores,
  storeSums,
} from "./products.ts";
import {
  type HeadRows,
  inPasses,
  loadSegments,
  loadTile,
  tileMemory,
} from "./staging.ts";
import { queryStatistics } from "./statistics.ts";
import {
  broadcastKeyGradients,
  broadcastLanes,
  broadcastQueryGradients,
} from "./subgroup_broadcast.ts";
import {
  ACROSS,
  type AttentionTile,
  chooseTile,
  isInPasses,
  KEY_GRADIENTS,
  QUERY_GRADIENTS,
  showAttentionTile,
} from "./tile.ts";

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
  const { attributes } = lowering;
  const { heads } = attributes;
  const sizes = attentionSizes(attributes, (d) => lowering.capacity(d));
  const { rows } = sizes;
  const views: Views = {
    ...attentionInputs(lowering),
    out: lowering.input("out"),
    lse: lowering.input("lse"),
    dOut: lowering.input("dOut"),
    dQ: lowering.output("dQ"),
    dK: lowering.output("dK"),
    dV: lowering.output("dV"),
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

function keyGradients(
  lowering: Lowering<"attention_backward">,
  sizes: AttentionSizes,
  views: Views,
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

/** Copies rows of one side, of all columns or those from a pass. */
type Load = (pass?: string) => string;

function both(a: Load, b: Load): Load {
  return (pass) => `${a(pass)}\n${b(pass)}`;
}

/**
 * Scores `s_R_J` and dP `g_R_J` of a pair of tiles: products of what lies in ownA and otherA, and in ownB and
 * otherB. Own rows are staged before, but for columns in passes.
 */
function scoresAndGradients(
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
