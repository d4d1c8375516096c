/**
 * What the gradients of all scores of a query need: how large its scores were, and what they are measured from.
 * @module
 */
import {
  type AttentionAttributes,
  product,
  type View,
} from "@denotune/denotune/core";
import {
  type DispatchSpec,
  perItem,
  type Scope,
} from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";

const INVOCATIONS = 64;

/**
 * statistics[i] = (lse[i], dOut[i] . out[i]), one invocation each. The products are added as those of dOut and
 * v are: where a query sees one key alone the two are equal.
 */
export function queryStatistics(
  { B, T, heads, headDim }: AttentionAttributes,
  { out, dOut, lse, statistics }: {
    readonly out: View;
    readonly dOut: View;
    readonly lse: View;
    readonly statistics: View;
  },
): DispatchSpec {
  const wide = headDim % 4 === 0;
  const body = (scope: Scope): string => {
    const four = (name: string) => {
      const tensor = scope.tensor(name);
      if (tensor.wide) {
        return `let ${name}4 = ${tensor.loadWide(`id * ${headDim / 4}u + d`)};`;
      }
      return `var ${name}4 = vec4<f32>();
${
        each(4, (i) =>
          `if (d * 4u + ${i}u < ${headDim}u) { ${name}4.${"xyzw"[i]} = ${
            tensor.load(`id * ${headDim}u + d * 4u + ${i}u`)
          }; }`)
      }`;
    };
    return `if (id >= ${scope.size(product([B, T, heads]))}) { return; }
var total = 0.0;
for (var d = 0u; d < ${Math.ceil(headDim / 4)}u; d++) {
${four("dOut")}
${four("out")}
total += dot(dOut4, out4);
}
${scope.tensor("statistics").store("id * 2u", scope.tensor("lse").load("id"))}
${scope.tensor("statistics").store("id * 2u + 1u", "total")}`;
  };
  return {
    name: "attention_backward statistics",
    tensors: [
      { name: "out", view: out, wide },
      { name: "dOut", view: dOut, wide },
      { name: "lse", view: lse },
      { name: "statistics", view: statistics, writes: true },
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body,
    grid: perItem((size) => size(B) * size(T) * heads, INVOCATIONS),
    cost: (size) => size(B) * size(T) * heads * headDim * 2,
  };
}
