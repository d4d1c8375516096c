/**
 * Attention forward in tiles with a running softmax (FlashAttention, arXiv:2205.14135): (T, T) never
 * exists, tiles that no query of the workgroup can see are left out.
 *
 * ```text
 * m, l, sum = -inf, 0, 0                          of each query
 * for each tile of keys:
 *   s = scale q k, softcap, mask
 *   top = max(m, max s); shrink = exp(m - top)    what was summed was measured from the smaller maximum
 *   l = l shrink + sum of exp(s - top)
 *   sum = sum shrink + exp(s - top) v
 * out = sum / l; lse = m + log l
 * ```
 * @module
 */
import { product } from "@denotune/denotune/device";
import type { DispatchSpec, Lower, Scope } from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import { LaneReduction, MOST_NEGATIVE } from "../../shader/reduce.ts";
import {
  keyRange,
  scoreText,
  seesText,
  segmentRange,
  skipUnlessOverlap,
} from "./mask.ts";
import { keptText } from "./dropout.ts";
import { attentionInputs, attentionSizes } from "./operands.ts";
import {
  accumulate,
  addProducts,
  declareScores,
  storeSums,
} from "./products.ts";
import { inPasses, loadSegments, loadTile, tileMemory } from "./staging.ts";
import { broadcastForward } from "./subgroup_forward.ts";
import { broadcastLanes } from "./subgroup_rows.ts";
import {
  ACROSS,
  chooseTile,
  FORWARD,
  isInPasses,
  showAttentionTile,
} from "./tile.ts";

/** Attention within equal segments of each row of the batch. */
export const attention: Lower<"attention"> = (lowering) => {
  const { attributes, limits } = lowering;
  const { B, T, heads, headDim } = attributes;
  const sizes = attentionSizes(attributes, (d) => lowering.capacity(d));
  const { q, k, v, segments } = attentionInputs(lowering);
  const out = lowering.output("out");
  const lse = lowering.output("lse");
  const wide = headDim % 4 === 0;
  const tensors: DispatchSpec["tensors"] = [
    { name: "q", view: q, wide },
    { name: "k", view: k, wide },
    { name: "v", view: v, wide },
    { name: "segments", view: segments },
    { name: "out", view: out, writes: true, wide },
    { name: "lse", view: lse, writes: true },
    ...(attributes.dropout === undefined
      ? []
      : [{ name: "rowKeys", view: lowering.input("rowKeys") }]),
  ];
  const lanes = broadcastLanes(limits, attributes);
  if (lanes !== null) {
    lowering.emit(broadcastForward({ attributes, sizes, lanes }, tensors));
    return;
  }
  const tile = chooseTile(limits, headDim, FORWARD);
  const { rows, others, columns } = tile;
  const passes = isInPasses(tile);
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
    const load = (tensor: "q" | "k" | "v", into: string, pass?: string) =>
      loadTile(scope, tile, {
        ...(tensor === "q" ? own : other),
        tensor,
        into,
        pass,
      });
    /** The score of own row r with other row j of the lane: masked ones take no part in maximum and sum. */
    const score = (r: number, j: number): string =>
      `{
  let j = k0 + tx + ${j * ACROSS}u;
  let visible = j < ${t} && ${
        seesText(attributes, `i${r}`, "j")
      } && seg${r} == keySegments[tx + ${j * ACROSS}u];
  s_${r}_${j} = select(${MOST_NEGATIVE}, ${
        scoreText(attributes, `s_${r}_${j}`)
      }, visible);
}`;
    /** Row r of the lane: a new maximum over its 8 lanes, and weights (exp) into workgroup memory for all of them. */
    const weights = (r: number): string =>
      `var top${r} = s_${r}_0;
${each(others - 1, (j) => `top${r} = max(top${r}, s_${r}_${j + 1});`)}
${reduction.statements("max", `top${r}`)}
top${r} = max(top${r}, m${r});
let shrink${r} = exp(m${r} - top${r});
m${r} = top${r};
l${r} *= shrink${r};
${each(columns, (c) => `sum_${r}_${c} *= shrink${r};`)}
${
        each(others, (j) =>
          `{
  let p = select(0.0, exp(s_${r}_${j} - top${r}), s_${r}_${j} > ${MOST_NEGATIVE});
  l${r} += p;
  scores[(ty * ${rows}u + ${r}u) * ${tile.other + 1}u + tx + ${
            j * ACROSS
          }u] = p${
            keptText(attributes, {
              key: `key${r}`,
              j: `(k0 + tx + ${j * ACROSS}u)`,
            })
          };
}`)
      }`;
    const rowKey = (r: number): string =>
      attributes.dropout === undefined
        ? ""
        : `let key${r} = bitcast<u32>(${
          scope.tensor("rowKeys").loadInt(`b * ${t} + min(i${r}, ${t} - 1u)`)
        });`;
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
${passes ? "" : load("q", "queries")}
${loadSegments(scope, tile, { ...own, into: "querySegments" })}
workgroupBarrier(); // queries and their segments are staged
${segmentRange(scope, "own", own)}
// Of each own row: position, segment, running maximum, denominator and sums. The denominator is the lane's own part.
${
      each(rows, (r) =>
        `let i${r} = first + ty * ${rows}u + ${r}u;
let seg${r} = querySegments[ty * ${rows}u + ${r}u];
${rowKey(r)}
var m${r} = ${MOST_NEGATIVE};
var l${r} = 0.0;
${each(columns, (c) => `var sum_${r}_${c} = vec4<f32>();`)}`)
    }
${
      keyRange(attributes, {
        first: "first",
        count: tile.own,
        step: tile.other,
        T: t,
      })
    }
// Tiles of keys, in order. Each is staged after a barrier, because other lanes may still read the one before.
for (var k0 = kStart; k0 < kEnd; k0 += ${tile.other}u) {
${segmentRange(scope, "keys", other)}
${skipUnlessOverlap("own", "keys")}
${declareScores(tile, "s")}
${
      inPasses(tile, {
        load: (pass) =>
          `${loadSegments(scope, tile, { ...other, into: "keySegments" })}
${
            pass === undefined
              ? `${load("k", "keys")}\n${load("v", "values")}`
              : `${load("q", "queries", pass)}\n${load("k", "keys", pass)}`
          }`,
        add: addProducts(tile, { into: "s", own: "queries", other: "keys" }),
      })
    }
${each(rows, (r) => each(others, (j) => score(r, j)))}
${each(rows, weights)}
workgroupBarrier(); // weights are written
${
      accumulate(scope, tile, {
        into: "sum",
        scores: "scores",
        from: { ...other, tensor: "v", staged: "values" },
      })
    }
}
// The denominator: the parts of the 8 lanes that share a row. Every query sees itself, so it is never 0.
${each(rows, (r) => reduction.statements("sum", `l${r}`))}
${
      storeSums(scope, tile, {
        ...own,
        tensor: "out",
        value: (r, c) => `sum_${r}_${c} / l${r}`,
      })
    }
if (tx == 0u) {
${
      each(rows, (r) =>
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
    name: `attention ${showAttentionTile(tile)}`,
    tensors,
    workgroup: [tile.lanes, 1, 1],
    body,
    declarations: () =>
      `${tileMemory("queries", tile.own, tile)}
${tileMemory("keys", tile.other, tile)}
${passes ? "" : tileMemory("values", tile.other, tile)}
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
