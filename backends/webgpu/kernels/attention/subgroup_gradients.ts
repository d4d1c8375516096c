/**
 * Attention's gradients in registers alone: every lane of a subgroup has an own row and its sums, and goes through
 * the other side's rows one by one, which the subgroup loads together.
 * @module
 */
import type {
  AttentionAttributes,
  DispatchSpec,
  Scope,
} from "../../shader/dispatch.ts";
import { each, f32Text } from "../../shader/numbers.ts";
import {
  eachSum,
  type GradientKind,
  gradientTensors,
  overOthers,
} from "./gradient_sides.ts";
import { scoreText, seesText } from "./mask.ts";
import type { BackwardViews } from "./operands.ts";
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

/** The dispatch of one side's gradients. */
export function broadcastGradients(
  kind: GradientKind,
  spec: BroadcastSpec,
  views: BackwardViews,
): DispatchSpec {
  const { attributes, sizes, lanes } = spec;
  const { T, heads, headDim } = attributes;
  const depth = headDim / 4;
  const { own, other } = kind;
  const ownHeads = own.heads(attributes);
  const names = ["a", "c"] as const; // of the rows' first and second tensor
  const body = (scope: Scope): string => {
    const t = scope.size(T);
    const statistics = scope.tensor("statistics");
    const otherRow = (n: string) =>
      `(b * ${t} + min(other0 + ${n}, ${t} - 1u))`;
    const otherAt = (n: number) =>
      `${otherRow(`${n}u`)} * ${
        other.width(sizes)
      }u + ${other.head} * ${headDim}u`;
    /** One other row, with all own rows: lane by lane a score, its gradient, and what both add to the sums. */
    const row = (n: number): string => {
      const [i, j] = kind.isOfQueries ? ["own", "other"] : ["other", "own"];
      return `{
${
        each(2, (x) =>
          sharedRow(scope, spec, {
            tensor: other.tensors[x],
            name: `o${names[x]}`,
            at: otherAt(n),
          }))
      }
let other = other0 + ${n}u;
let product = ${dotOwn(spec, "a", "oa")};
let dP = ${dotOwn(spec, "c", "oc")};
let segment = subgroupBroadcast(otherSegment, ${n}u); // not behind an &&: all lanes have to get here
let visible = other < ${t} && ${
        seesText(attributes, i, j)
      } && ownSegment == segment;
let s = ${scoreText(attributes, "product")};
${
        kind.isOfQueries ? "" : `let lse = subgroupBroadcast(otherLse, ${n}u);
let delta = subgroupBroadcast(otherDelta, ${n}u);`
      }
let p = select(0.0, exp(s - lse), visible);
${scoreGradient(attributes)}
${
        each(depth, (d) =>
          eachSum(kind, ({ output, factor, of }) =>
            `${output}_${d} += ${factor} * ${
              broadcast(`o${names[of]}`, lanes, d)
            };`))
      }
}`;
    };
    return `${placeOf(scope, spec, { heads: ownHeads, name: own.head })}
${kind.isOfQueries ? `let kv = h / ${sizes.group}u;` : ""}
let at = ownRow * ${own.width(sizes)}u + ${own.head} * ${headDim}u;
${
      each(2, (x) =>
        ownRow(scope, spec, {
          tensor: own.tensors[x],
          name: names[x],
          at: "at",
        }))
    }
${
      // a lane has the statistics of its own query; of other queries they are loaded with their block, one a lane
      kind.isOfQueries
        ? `let statistics = (ownRow * ${heads}u + h) * 2u;
let lse = ${statistics.load("statistics")};
let delta = ${statistics.load("statistics + 1u")};`
        : ""}
${
      eachSum(kind, ({ output }) =>
        each(depth, (d) => `var ${output}_${d} = vec4<f32>();`))
    }
${kind.range(attributes, { first: "first", count: lanes, step: lanes, T: t })}
${
      overOthers(kind, sizes, {
        block: lanes,
        body: `${blockSegments(scope, spec, "other0")}
${
          kind.isOfQueries
            ? ""
            : `let statistics = ${otherRow("lane")} * ${heads}u + h;
let otherLse = ${statistics.load("statistics * 2u")};
let otherDelta = ${statistics.load("statistics * 2u + 1u")};`
        }
${each(lanes, row)}`,
      })
    }
if (own < ${t}) {
${
      eachSum(kind, ({ output }) =>
        storeOwn(scope, spec, {
          tensor: output,
          at: "at",
          value: (d) => `${output}_${d}`,
        }))
    }
}`;
  };
  return {
    name: `attention_backward ${kind.name} subgroup broadcast ${lanes}`,
    tensors: gradientTensors(kind, views, true),
    workgroup: [lanes, 1, 1],
    body,
    grid: gridOf(spec, ownHeads),
    cost: costOf(spec, kind.cost),
  };
}

function scoreGradient({ softcap, scale }: AttentionAttributes): string {
  const bend = softcap === null
    ? ""
    : ` * (1.0 - (s / ${f32Text(softcap)}) * (s / ${f32Text(softcap)}))`;
  return `let dZ = p * (dP - delta) * ${f32Text(scale)}${bend};`;
}
