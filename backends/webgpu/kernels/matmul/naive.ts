/**
 * The plain matrix product: an invocation for each element. What tiled ones are checked against, and what
 * does where sizes are odd and small.
 * @module
 */
import type { DispatchSpec } from "../../shader/dispatch.ts";
import type { Product } from "./product.ts";
import {
  endTensors,
  factorTensors,
  productName,
  storeProduct,
} from "./product.ts";

const INVOCATIONS = 64;

/** A dispatch of the plain product. */
export function naiveMatmul(product: Product): DispatchSpec {
  const { layout, batch, m, n, k } = product;
  return {
    name: productName(product, "naive"),
    tensors: [
      ...factorTensors(product, { a: false, b: false }),
      ...endTensors(product, { wide: false }),
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) => {
      const [M, N, K] = [m, n, k].map((d) => scope.size(d));
      const a = layout === "TN" ? `p * ${M} + i` : `i * ${K} + p`;
      const b = layout === "NT" ? `j * ${K} + p` : `p * ${N} + j`;
      return `// An invocation for each element (i, j) of product g: one chain of additions, all factors from the caches.
if (id >= ${M} * ${N}) { return; }
let g = wg.z;
let i = id / ${N};
let j = id - i * ${N};
let aStart = g * ${M} * ${K};
let bStart = g * ${K} * ${N};
var total = 0.0;
for (var p = 0u; p < ${K}; p++) {
  total += ${scope.tensor("a").load(`aStart + ${a}`)} * ${
        scope.tensor("b").load(`bStart + ${b}`)
      };
}
let at = g * ${M} * ${N} + id;
${
        storeProduct(scope, product, {
          value: "total",
          row: `g * ${M} + i`,
          column: "j",
          at: "at",
        })
      }`;
    },
    grid: (size) => ({
      groups: Math.ceil(size(m) * size(n) / INVOCATIONS),
      z: size(batch),
    }),
    cost: (size) => 2 * size(batch) * size(m) * size(n) * size(k),
  };
}
