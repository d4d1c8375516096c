/**
 * Attention in registers alone: every lane of a subgroup has a row (a query, or a key with its value). Rows of
 * the other side are loaded once for all lanes: each lane loads a part and broadcasts it to the subgroup. It needs
 * no workgroup memory and no barrier, so it is fastest on software adapters, where both are expensive.
 *
 * ```text
 * lane          0    1    2    3  ...        other rows come in blocks of as many as there are lanes
 * own row       i    i+1  i+2  i+3
 * other row j   vec4 vec4 vec4 vec4          loaded in parts, broadcast whole
 * ```
 * @module
 */
import { product } from "@denotune/denotune/core";
import type {
  AttentionAttributes,
  DispatchSpec,
  Scope,
  SizeOf,
} from "../../shader/dispatch.ts";
import { each, f32Text } from "../../shader/numbers.ts";
import { MOST_NEGATIVE } from "../../shader/reduce.ts";
import type { AdapterLimits } from "../../runtime/adapter_limits.ts";
import {
  keyRange,
  queryRange,
  scoreText,
  seesText,
  segmentRange,
  skipUnlessOverlap,
} from "./mask.ts";
import type { AttentionSizes } from "./operands.ts";

/** The inputs of a kernel's text. */
export interface BroadcastSpec {
  readonly attributes: AttentionAttributes;
  readonly sizes: AttentionSizes;
  /** Lanes of a subgroup. */
  readonly lanes: number;
}

/** Lanes of such kernels, or null where the adapter or the head does not suit them. */
export function broadcastLanes(
  limits: AdapterLimits,
  headDim: number,
): number | null {
  const { subgroup, software } = limits;
  return software && subgroup !== null && subgroup.min === subgroup.max &&
      headDim % 4 === 0 && headDim <= 128
    ? subgroup.max
    : null;
}

/** Declares the vec4s `NAME_0 ...` of row `t` of a head, this lane's own. */
function ownRow(
  scope: Scope,
  { attributes: { headDim } }: BroadcastSpec,
  from: {
    tensor: string;
    name: string;
    at: string;
  },
): string {
  const tensor = scope.tensor(from.tensor);
  return each(headDim / 4, (d) => {
    const value = tensor.wide
      ? tensor.loadWide(`(${from.at}) / 4u + ${d}u`)
      : `vec4<f32>(${
        [0, 1, 2, 3].map((i) => tensor.load(`${from.at} + ${d * 4 + i}u`))
          .join(", ")
      })`;
    return `let ${from.name}_${d} = ${value};`;
  });
}

/** Declares this lane's parts `NAME_0 ...` of a row that all lanes share. */
function sharedRow(
  scope: Scope,
  { attributes: { headDim }, lanes }: BroadcastSpec,
  from: { tensor: string; name: string; at: string },
): string {
  const tensor = scope.tensor(from.tensor);
  const depth = headDim / 4;
  return each(Math.ceil(depth / lanes), (p) => {
    const d = (p + 1) * lanes <= depth
      ? `lane + ${p * lanes}u`
      : `min(lane + ${p * lanes}u, ${depth - 1}u)`;
    const value = tensor.wide
      ? tensor.loadWide(`(${from.at}) / 4u + ${d}`)
      : `vec4<f32>(${
        [0, 1, 2, 3].map((i) => tensor.load(`${from.at} + (${d}) * 4u + ${i}u`))
          .join(", ")
      })`;
    return `let ${from.name}_${p} = ${value};`;
  });
}

/** vec4 `d` of a shared row. */
function broadcast(name: string, lanes: number, d: number): string {
  return `subgroupBroadcast(${name}_${Math.floor(d / lanes)}, ${d % lanes}u)`;
}

function dotOwn(
  { attributes: { headDim }, lanes }: BroadcastSpec,
  own: string,
  shared: string,
): string {
  return Array.from(
    { length: headDim / 4 },
    (_, d) => `dot(${own}_${d}, ${broadcast(shared, lanes, d)})`,
  ).join(" + ");
}

function storeOwn(
  scope: Scope,
  { attributes: { headDim } }: BroadcastSpec,
  to: { tensor: string; at: string; value: (d: number) => string },
): string {
  const tensor = scope.tensor(to.tensor);
  return each(
    headDim / 4,
    (d) =>
      tensor.wide
        ? tensor.storeWide(`(${to.at}) / 4u + ${d}u`, to.value(d))
        : `{ let value = ${to.value(d)};
${
          each(
            4,
            (i) =>
              tensor.store(`${to.at} + ${d * 4 + i}u`, `value.${"xyzw"[i]}`),
          )
        } }`,
  );
}

/** Where workgroup `group` is: declares b, the head `name`, and the first own row. */
function placeOf(
  scope: Scope,
  { attributes: { B, T }, lanes }: BroadcastSpec,
  { heads, name }: { heads: number; name: string },
): string {
  const t = scope.size(T);
  return `// A workgroup is one subgroup: ${lanes} rows of a head, one a lane; the last rows have the most to see and start first.
let tiles = (${t} + ${lanes - 1}u) / ${lanes}u;
if (group >= tiles * ${scope.size(product([B, heads]))}) { return; }
let pair = group / tiles;
let first = (tiles - 1u - (group - pair * tiles)) * ${lanes}u;
let b = pair / ${heads}u;
let ${name} = pair - b * ${heads}u;
let own = first + lane;
let ownRow = b * ${t} + min(own, ${t} - 1u);
let ownSegment = ${scope.tensor("segments").loadInt("ownRow")};
${segmentRange(scope, "own", { first: "first", count: lanes, T: t })}`;
}

/** A block's segments, one a lane; leaves the block out where none is the own rows'. */
function blockSegments(
  scope: Scope,
  { attributes: { T }, lanes }: BroadcastSpec,
  first: string,
): string {
  const t = scope.size(T);
  return `let otherSegment = ${
    scope.tensor("segments").loadInt(
      `b * ${t} + min(${first} + lane, ${t} - 1u)`,
    )
  };
${segmentRange(scope, "other", { first, count: lanes, T: t })}
${skipUnlessOverlap("own", "other")}`;
}

function gridOf(
  { attributes: { B, T }, lanes }: BroadcastSpec,
  heads: number,
): DispatchSpec["grid"] {
  return (size) => ({
    groups: Math.ceil(size(T) / lanes) * size(B) * heads,
  });
}

function costOf(
  { attributes: { B, T, heads, headDim } }: BroadcastSpec,
  products: number,
): (size: SizeOf) => number {
  return (size) => products * size(B) * heads * size(T) ** 2 * headDim;
}

/** Attention forward. */
export function broadcastForward(
  spec: BroadcastSpec,
  tensors: DispatchSpec["tensors"],
): DispatchSpec {
  const { attributes, sizes, lanes } = spec;
  const { T, heads, headDim } = attributes;
  const depth = headDim / 4;
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const kvAt = (n: number) =>
      `(b * ${t} + min(k0 + ${n}u, ${t} - 1u)) * ${sizes.kvWidth}u + kv * ${headDim}u`;
    return `${placeOf(scope, spec, { heads, name: "h" })}
let kv = h / ${sizes.group}u;
let at = ownRow * ${sizes.width}u + h * ${headDim}u;
${ownRow(scope, spec, { tensor: "q", name: "q", at: "at" })}
${each(depth, (d) => `var sum_${d} = vec4<f32>();`)}
var m = ${MOST_NEGATIVE};
var l = 0.0;
${keyRange(attributes, { first: "first", count: lanes, step: lanes, T: t })}
for (var k0 = kStart; k0 < kEnd; k0 += ${lanes}u) {
${blockSegments(scope, spec, "k0")}
${
      each(lanes, (n) =>
        `var s_${n} = ${MOST_NEGATIVE};
{
${sharedRow(scope, spec, { tensor: "k", name: "k", at: kvAt(n) })}
let j = k0 + ${n}u;
let product = ${dotOwn(spec, "q", "k")};
let segment = subgroupBroadcast(otherSegment, ${n}u); // not behind an &&: all lanes have to get here
let visible = j < ${t} && ${
          seesText(attributes, "own", "j")
        } && ownSegment == segment;
s_${n} = select(${MOST_NEGATIVE}, ${scoreText(attributes, "product")}, visible);
}`)
    }
// A new maximum over the block; what was summed is measured from the smaller one.
var top = m;
${each(lanes, (n) => `top = max(top, s_${n});`)}
let shrink = exp(m - top);
m = top;
l *= shrink;
${each(depth, (d) => `sum_${d} *= shrink;`)}
${
      each(lanes, (n) =>
        `{
let p = select(0.0, exp(s_${n} - top), s_${n} > ${MOST_NEGATIVE});
l += p;
${sharedRow(scope, spec, { tensor: "v", name: "v", at: kvAt(n) })}
${each(depth, (d) => `sum_${d} += p * ${broadcast("v", lanes, d)};`)}
}`)
    }
}
if (own < ${t}) {
${
      storeOwn(scope, spec, {
        tensor: "out",
        at: "at",
        value: (d) => `sum_${d} / l`,
      })
    }
${scope.tensor("lse").store(`ownRow * ${heads}u + h`, "m + log(l)")}
}`;
  };
  return {
    name: `attention subgroup broadcast ${lanes}`,
    tensors,
    workgroup: [lanes, 1, 1],
    body,
    grid: gridOf(spec, heads),
    cost: costOf(spec, 4),
  };
}

function scoreGradient({ softcap, scale }: AttentionAttributes): string {
  const bend = softcap === null
    ? ""
    : ` * (1.0 - (s / ${f32Text(softcap)}) * (s / ${f32Text(softcap)}))`;
  return `let dZ = p * (dP - delta) * ${f32Text(scale)}${bend};`;
}

/** Gradients of queries. */
export function broadcastQueryGradients(
  spec: BroadcastSpec,
  tensors: DispatchSpec["tensors"],
): DispatchSpec {
  const { attributes, sizes, lanes } = spec;
  const { T, heads, headDim } = attributes;
  const depth = headDim / 4;
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const kvAt = (n: number) =>
      `(b * ${t} + min(k0 + ${n}u, ${t} - 1u)) * ${sizes.kvWidth}u + kv * ${headDim}u`;
    return `${placeOf(scope, spec, { heads, name: "h" })}
let kv = h / ${sizes.group}u;
let at = ownRow * ${sizes.width}u + h * ${headDim}u;
${ownRow(scope, spec, { tensor: "q", name: "q", at: "at" })}
${ownRow(scope, spec, { tensor: "dOut", name: "o", at: "at" })}
let statistics = (ownRow * ${heads}u + h) * 2u;
let lse = ${scope.tensor("statistics").load("statistics")};
let delta = ${scope.tensor("statistics").load("statistics + 1u")};
${each(depth, (d) => `var sum_${d} = vec4<f32>();`)}
${keyRange(attributes, { first: "first", count: lanes, step: lanes, T: t })}
for (var k0 = kStart; k0 < kEnd; k0 += ${lanes}u) {
${blockSegments(scope, spec, "k0")}
${
      each(lanes, (n) =>
        `{
${sharedRow(scope, spec, { tensor: "k", name: "k", at: kvAt(n) })}
${sharedRow(scope, spec, { tensor: "v", name: "v", at: kvAt(n) })}
let j = k0 + ${n}u;
let product = ${dotOwn(spec, "q", "k")};
let dP = ${dotOwn(spec, "o", "v")};
let segment = subgroupBroadcast(otherSegment, ${n}u); // not behind an &&: all lanes have to get here
let visible = j < ${t} && ${
          seesText(attributes, "own", "j")
        } && ownSegment == segment;
let s = ${scoreText(attributes, "product")};
let p = select(0.0, exp(s - lse), visible);
${scoreGradient(attributes)}
${each(depth, (d) => `sum_${d} += dZ * ${broadcast("k", lanes, d)};`)}
}`)
    }
}
if (own < ${t}) {
${storeOwn(scope, spec, { tensor: "dQ", at: "at", value: (d) => `sum_${d}` })}
}`;
  };
  return {
    name: `attention_backward q subgroup broadcast ${lanes}`,
    tensors,
    workgroup: [lanes, 1, 1],
    body,
    grid: gridOf(spec, heads),
    cost: costOf(spec, 6),
  };
}

/** Gradients of keys and values. */
export function broadcastKeyGradients(
  spec: BroadcastSpec,
  tensors: DispatchSpec["tensors"],
): DispatchSpec {
  const { attributes, sizes, lanes } = spec;
  const { T, heads, kvHeads, headDim } = attributes;
  const depth = headDim / 4;
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const rowAt = (n: number) => `(b * ${t} + min(q0 + ${n}u, ${t} - 1u))`;
    const qAt = (n: number) =>
      `${rowAt(n)} * ${sizes.width}u + h * ${headDim}u`;
    return `${placeOf(scope, spec, { heads: kvHeads, name: "kv" })}
let at = ownRow * ${sizes.kvWidth}u + kv * ${headDim}u;
${ownRow(scope, spec, { tensor: "k", name: "k", at: "at" })}
${ownRow(scope, spec, { tensor: "v", name: "v", at: "at" })}
${
      each(depth, (d) =>
        `var dk_${d} = vec4<f32>();
var dv_${d} = vec4<f32>();`)
    }
${queryRange(attributes, { first: "first", count: lanes, step: lanes, T: t })}
// All query heads that read this key head add to its gradients, in order.
for (var h = kv * ${sizes.group}u; h < (kv + 1u) * ${sizes.group}u; h++) {
for (var q0 = qStart; q0 < qEnd; q0 += ${lanes}u) {
${blockSegments(scope, spec, "q0")}
let statistics = (b * ${t} + min(q0 + lane, ${t} - 1u)) * ${heads}u + h;
let otherLse = ${scope.tensor("statistics").load("statistics * 2u")};
let otherDelta = ${scope.tensor("statistics").load("statistics * 2u + 1u")};
${
      each(lanes, (n) =>
        `{
${sharedRow(scope, spec, { tensor: "q", name: "q", at: qAt(n) })}
${sharedRow(scope, spec, { tensor: "dOut", name: "o", at: qAt(n) })}
let i = q0 + ${n}u;
let product = ${dotOwn(spec, "k", "q")};
let dP = ${dotOwn(spec, "v", "o")};
let segment = subgroupBroadcast(otherSegment, ${n}u); // not behind an &&: all lanes have to get here
let visible = i < ${t} && ${
          seesText(attributes, "i", "own")
        } && ownSegment == segment;
let s = ${scoreText(attributes, "product")};
let p = select(0.0, exp(s - subgroupBroadcast(otherLse, ${n}u)), visible);
let delta = subgroupBroadcast(otherDelta, ${n}u);
${scoreGradient(attributes)}
${
          each(depth, (d) =>
            `dk_${d} += dZ * ${broadcast("q", lanes, d)};
dv_${d} += p * ${broadcast("o", lanes, d)};`)
        }
}`)
    }
}
}
if (own < ${t}) {
${storeOwn(scope, spec, { tensor: "dK", at: "at", value: (d) => `dk_${d}` })}
${storeOwn(scope, spec, { tensor: "dV", at: "at", value: (d) => `dv_${d}` })}
}`;
  };
  return {
    name: `attention_backward kv subgroup broadcast ${lanes}`,
    tensors,
    workgroup: [lanes, 1, 1],
    body,
    grid: gridOf(spec, kvHeads),
    cost: costOf(spec, 8),
  };
}
