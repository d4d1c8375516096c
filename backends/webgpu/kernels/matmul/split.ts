/**
 * Products cut along the inner size: parts go to scratch memory, then are added in order.
 * @module
 */
import type { View } from "@denotune/denotune/device";
import type { DispatchSpec, Scope, TensorUse } from "../../shader/dispatch.ts";
import {
  endTensors,
  factorTensors,
  type Product,
  productName,
  storeProduct,
} from "./product.ts";

const INVOCATIONS = 64;

/** Where parts go: (part, batch, m, n). */
export interface SplitTarget {
  readonly parts: View;
}

/** Declares `kStart` and `kEnd` of part `part`; all but the last are multiples of `step`. */
export function partRange(K: string, split: number, step: number): string {
  if (split === 1) return `let kStart = 0u;\nlet kEnd = ${K};`;
  return `// Parts of one length, but for the last.
let partLength = ((${K} + ${split * step - 1}u) / ${split * step}u) * ${step}u;
let kStart = min(part * partLength, ${K});
let kEnd = min(kStart + partLength, ${K});`;
}

/** Operands of a part's dispatch. */
export function splitTensors(
  product: Product,
  { parts }: SplitTarget,
  wide: { a: boolean; b: boolean; parts?: boolean },
): TensorUse[] {
  return [
    ...factorTensors(product, wide),
    { name: "parts", view: parts, writes: true, wide: wide.parts === true },
  ];
}

/** Index of element `at` (counted over the batch) of part `part`. */
function partIndex(scope: Scope, { batch, m, n }: Product, at: string): string {
  return `part * ${scope.size(batch)} * ${scope.size(m)} * ${
    scope.size(n)
  } + ${at}`;
}

/** Stores a part of element `at`. */
export function storePart(
  scope: Scope,
  product: Product,
  value: string,
): string {
  return scope.tensor("parts").store(partIndex(scope, product, "at"), value);
}

/** Stores a part of four elements from `at`. */
export function storePartWide(
  scope: Scope,
  product: Product,
  value: string,
): string {
  return scope.tensor("parts").storeWide(
    `(${partIndex(scope, product, "at")}) / 4u`,
    value,
  );
}

/** The dispatch that adds the parts, with the epilogue. */
export function addParts(
  product: Product,
  { parts }: SplitTarget,
  split: number,
): DispatchSpec {
  const { batch, m, n } = product;
  return {
    name: productName(product, `of ${split} parts`),
    tensors: [
      { name: "parts", view: parts },
      ...endTensors(product, { wide: false }),
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) => {
      const total = `${scope.size(batch)} * ${scope.size(m)} * ${
        scope.size(n)
      }`;
      return `// An invocation for each element: its parts, in order, so that the sum has the same bits at every run.
let count = ${total};
if (id >= count) { return; }
var total = 0.0;
for (var part = 0u; part < ${split}u; part++) { total += ${
        scope.tensor("parts").load("part * count + id")
      }; }
${
        storeProduct(scope, product, {
          value: "total",
          row: `id / ${scope.size(n)}`,
          column: `id % ${scope.size(n)}`,
          at: "id",
        })
      }`;
    },
    grid: (size) => ({
      groups: Math.ceil(size(batch) * size(m) * size(n) / INVOCATIONS),
    }),
    cost: (size) => size(batch) * size(m) * size(n) * split,
  };
}
