/**
 * Attention of new queries over a cache. A workgroup has one query of one head: its lanes first score a
 * block of keys, one each, then sum the block's values, a column each.
 *
 * ```text
 * block of keys     j0 .. j0 + lanes      lane n: score of key j0 + n, weight p into workgroup memory
 *                                         then, of all p: lane n has columns n, n + lanes, ... of sum p v
 * ```
 *
 * The softmax is running, as in `forward.ts`. Only one query reads a head's keys, so staging them would gain nothing.
 * @module
 */
import { product } from "@denotune/denotune/device";
import type { Lower, Scope } from "../../shader/dispatch.ts";
import { fewLanes } from "../../shader/few_lanes.ts";
import { each } from "../../shader/numbers.ts";
import { LaneReduction, MOST_NEGATIVE } from "../../shader/reduce.ts";
import { scoreText } from "./mask.ts";
import { attentionSizes } from "./operands.ts";

/** Attention of T new queries over a cache that holds their own keys already. */
export const attentionCached: Lower<"attention_cached"> = (lowering) => {
  const { attributes, limits } = lowering;
  const { B, T, heads, headDim, capacity, window } = attributes;
  const sizes = attentionSizes(attributes, (d) => lowering.capacity(d));
  const scoreIterations = headDim % 4 === 0 ? headDim / 4 : headDim;
  const lanes = limits.software
    ? fewLanes((n) => Math.ceil(capacity / n) * (scoreIterations + n + 8))
    : 64;
  const columns = Math.ceil(headDim / lanes);
  const reduction = new LaneReduction(limits, {
    width: lanes,
    invocations: lanes,
  });
  const body = (scope: Scope): string => {
    const [q, k, v] = ["q", "k", "v"].map((name) => scope.tensor(name));
    const row =
      `((slot * ${capacity}u + j) * ${sizes.kvWidth}u + kv * ${headDim}u)`;
    const dot = q.wide && k.wide
      ? `for (var d = 0u; d < ${headDim / 4}u; d++) {
    score += dot(${q.loadWide("qAt / 4u + d")}, ${k.loadWide(`at / 4u + d`)});
  }`
      : `for (var d = 0u; d < ${headDim}u; d++) {
    score += ${q.load("qAt + d")} * ${k.load("at + d")};
  }`;
    return `// A workgroup has one query (row, head); group counts heads first.
let head = group % ${heads}u;
let row = group / ${heads}u;
if (row >= ${scope.size(product([B, T]))}) { return; }
let b = row / ${scope.size(T)};
let slot = u32(${scope.tensor("index").loadInt("b")});
let kv = head / ${sizes.group}u;
// The query's position: those before it in the cache, then those that came with it. It sees keys up to its own.
let i = u32(${scope.tensor("lengths").loadInt("b")}) + row - b * ${
      scope.size(T)
    };
let end = min(i + 1u, ${capacity}u);
let qAt = row * ${sizes.width}u + head * ${headDim}u;
// Running maximum, this lane's part of the denominator, and its columns of the sum.
var m = ${MOST_NEGATIVE};
var l = 0.0;
${each(columns, (c) => `var sum_${c} = 0.0;`)}
let start = ${window === null ? "0u" : `max(i + 1u, ${window}u) - ${window}u`};
for (var j0 = start; j0 < end; j0 += ${lanes}u) {
  // Score: a lane has one key of the block.
  let j = j0 + lane;
  var score = 0.0;
  if (j < end) {
  let at = ${row};
  ${dot}
  }
  score = select(${MOST_NEGATIVE}, ${scoreText(attributes, "score")}, j < end);
  // A new maximum makes what was summed smaller.
  var top = score;
  ${reduction.statements("max", "top")}
  top = max(top, m);
  let shrink = exp(m - top);
  m = top;
  let p = select(0.0, exp(score - top), j < end);
  l = l * shrink + p;
  workgroupBarrier(); // the weights before are read
  weights[lane] = p;
  workgroupBarrier(); // the weights of this block are written
  // Sum: a lane has every ${lanes}-th column, of all values of the block.
  ${each(columns, (c) => `sum_${c} *= shrink;`)}
  let count = min(${lanes}u, end - j0);
  for (var n = 0u; n < count; n++) {
    let j = j0 + n;
    let at = ${row};
    let weight = weights[n];
    ${
      each(columns, (c) =>
        `{ let d = min(lane + ${c * lanes}u, ${headDim - 1}u);
    sum_${c} += weight * ${v.load("at + d")}; }`)
    }
  }
}
${reduction.statements("sum", "l")}
${
      each(columns, (c) =>
        `if (lane + ${c * lanes}u < ${headDim}u) { ${
          scope.tensor("out").store(
            `qAt + lane + ${c * lanes}u`,
            `sum_${c} / l`,
          )
        } }`)
    }`;
  };
  const wide = headDim % 4 === 0;
  lowering.emit({
    name: "attention_cached",
    tensors: [
      {
        name: "q",
        view: lowering.input("q"),
        wide,
      },
      { name: "k", view: lowering.input("kCache"), wide },
      { name: "v", view: lowering.input("vCache") },
      {
        name: "lengths",
        view: lowering.input("lengths"),
      },
      {
        name: "index",
        view: lowering.input("index"),
      },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: [lanes, 1, 1],
    body,
    declarations: () =>
      `var<workgroup> weights: array<f32, ${lanes}>;\n${reduction.declarations}`,
    grid: (size) => ({ groups: size(B) * size(T) * heads }),
  });
};
