/**
 * Matrix products.
 * @module
 */
import {
  type ProductEpilogue,
  quantizedFactor,
} from "@denotune/denotune/device";
import type { Kernel } from "../kernel.ts";
import { closureOf, loadInputs } from "../expression.ts";
import type { Tensor } from "../tensor.ts";
import { loadQuantized } from "./quantized.ts";

/** out = alpha * op(a) op(b) + bias + addend, for each batch, or what the epilogue makes of it. */
export const matmul: Kernel<"matmul"> = {
  run({ layout, alpha, ...attributes }, size, inputs, outputs) {
    const [batch, m, n, k] = [
      attributes.batch,
      attributes.m,
      attributes.n,
      attributes.k,
    ].map(size);
    const a = inputs[0].load();
    const quantized = quantizedFactor({ layout, ...attributes });
    const b = quantized === null
      ? inputs[1].load()
      : loadQuantized(inputs[1], quantized);
    const bias = attributes.bias ? inputs[2].load() : new Float64Array(n);
    const out = attributes.addend
      ? inputs[attributes.bias ? 3 : 2].load()
      : new Float64Array(batch * m * n);
    // Steps in memory from one row of the product to the next, and from one term of a sum to the next.
    const [aRow, aTerm] = layout === "TN" ? [1, m] : [k, 1];
    const [bTerm, bColumn] = layout === "NT" ? [1, k] : [n, 1];
    for (let g = 0; g < batch; g++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let p = 0; p < k; p++) {
            sum += a[g * m * k + i * aRow + p * aTerm] *
              b[g * k * n + p * bTerm + j * bColumn];
          }
          out[(g * m + i) * n + j] += alpha * sum + bias[j];
        }
      }
    }
    const { epilogue } = attributes;
    if (epilogue === undefined) {
      outputs[0].save(out);
      return;
    }
    const more = inputs.slice(inputs.length - epilogue.inputs.length);
    const results = applied(epilogue, { out, columns: n, more });
    results.forEach((result, o) => outputs[o].save(result));
  },
};

/** Applies the epilogue to a product, as a row program that reads the product would. */
function applied(
  epilogue: ProductEpilogue,
  { out, columns, more }: {
    out: Float64Array;
    columns: number;
    more: readonly Tensor[];
  },
): Float64Array[] {
  const loaded = [
    { access: "matrix", dtype: "f32", elements: out } as const,
    ...loadInputs(epilogue.inputs, more),
  ];
  return epilogue.writes.map((expression) => {
    const at = closureOf(expression, loaded, columns);
    return out.map((_, i) => {
      const column = i % columns;
      const row = (i - column) / columns;
      return at({ row, column, values: new Map() });
    });
  });
}
