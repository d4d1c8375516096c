/**
 * Attention forward in registers alone: every lane of a subgroup has a query, its running maximum, denominator and
 * sums, and goes through the keys and values that the subgroup loads together. See `subgroup_rows.ts`.
 * @module
 */
import type { DispatchSpec, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import { MOST_NEGATIVE } from "../../shader/reduce.ts";
import { keyRange, scoreText, seesText } from "./mask.ts";
import {
  blockSegments,
  broadcast,
  type BroadcastSpec,
  costOf,
  dotOwn,
  gridOf,
  ownRow,
  placeOf,
  sharedRow,
  storeOwn,
} from "./subgroup_rows.ts";

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
// Running maximum and denominator of this lane's query: no other lane has a part of them.
var m = ${MOST_NEGATIVE};
var l = 0.0;
${keyRange(attributes, { first: "first", count: lanes, step: lanes, T: t })}
// Blocks of as many keys as there are lanes: all scores of a block first, so that the sums are scaled once a block.
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
// A new maximum over the block; what was summed was measured from the smaller one.
var top = m;
${each(lanes, (n) => `top = max(top, s_${n});`)}
let shrink = exp(m - top);
m = top;
l *= shrink;
${each(depth, (d) => `sum_${d} *= shrink;`)}
${
      // values of the block, row by row: the weight of a hidden key is 0, whatever exp gave
      each(lanes, (n) =>
        `{
let p = select(0.0, exp(s_${n} - top), s_${n} > ${MOST_NEGATIVE});
l += p;
${sharedRow(scope, spec, { tensor: "v", name: "v", at: kvAt(n) })}
${each(depth, (d) => `sum_${d} += p * ${broadcast("v", lanes, d)};`)}
}`)}
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
