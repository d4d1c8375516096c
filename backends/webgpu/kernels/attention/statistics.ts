/**
 * What the gradients of all scores of a query need: how large its scores were, and what they are measured from.
 * @module
 */
import {
  type AttentionAttributes,
  product,
  type View,
} from "@denotune/denotune/device";
import {
  type DispatchSpec,
  perItem,
  type Scope,
} from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";

import { statisticsWidth } from "./dropout.ts";

const INVOCATIONS = 64;

/**
 * statistics[i] = (lse[i], dOut[i] . out[i]), one invocation each. The products are added as those of dOut and
 * v are: where a query sees one key alone the two are equal. With dropout the key of the query's row comes behind
 * them, in two halves: some adapters allow no tensor more in the kernels that read it.
 */
export function queryStatistics(
  attributes: AttentionAttributes,
  { out, dOut, lse, statistics, rowKeys }: {
    readonly out: View;
    readonly dOut: View;
    readonly lse: View;
    readonly statistics: View;
    readonly rowKeys: View | null;
  },
): DispatchSpec {
  const { B, T, heads, headDim } = attributes;
  const width = statisticsWidth(attributes);
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
${
      scope.tensor("statistics").store(
        `id * ${width}u`,
        scope.tensor("lse").load("id"),
      )
    }
${scope.tensor("statistics").store(`id * ${width}u + 1u`, "total")}
${rowKeys === null ? "" : halves(scope)}`;
  };
  const halves = (scope: Scope): string =>
    `let key = bitcast<u32>(${
      scope.tensor("rowKeys").loadInt(`id / ${heads}u`)
    });
${scope.tensor("statistics").store(`id * 4u + 2u`, "f32(key >> 16u)")}
${scope.tensor("statistics").store(`id * 4u + 3u`, "f32(key & 0xffffu)")}`;
  return {
    name: "attention_backward statistics",
    tensors: [
      { name: "out", view: out, wide },
      { name: "dOut", view: dOut, wide },
      { name: "lse", view: lse },
      { name: "statistics", view: statistics, writes: true },
      ...(rowKeys === null ? [] : [{ name: "rowKeys", view: rowKeys }]),
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body,
    grid: perItem((size) => size(B) * size(T) * heads, INVOCATIONS),
    cost: (size) => size(B) * size(T) * heads * headDim * 2,
  };
}
