/**
 * Matrix products.
 * @module
 */
import { type Kernel, type Operand, WEIGHT_TYPES } from "../kernel.ts";

/** out = alpha * op(a) op(b) + bias + addend, for each batch. */
export const matmul: Kernel<"matmul"> = {
  signature(attributes, size) {
    const [batch, m, n, k] = [
      attributes.batch,
      attributes.m,
      attributes.n,
      attributes.k,
    ].map(size);
    const inputs: Operand[] = [
      { name: "a", elements: batch * m * k },
      { name: "b", elements: batch * k * n, dtypes: WEIGHT_TYPES },
    ];
    if (attributes.bias) inputs.push({ name: "bias", elements: n });
    if (attributes.addend) {
      inputs.push({ name: "addend", elements: batch * m * n });
    }
    return {
      inputs,
      outputs: [{ name: "out", elements: batch * m * n }],
      mayShare: attributes.addend ? [[inputs.length - 1, 0]] : [],
    };
  },

  run({ layout, alpha, ...attributes }, size, inputs, [output]) {
    const [batch, m, n, k] = [
      attributes.batch,
      attributes.m,
      attributes.n,
      attributes.k,
    ].map(size);
    const a = inputs[0].load();
    const b = inputs[1].load();
    const bias = attributes.bias ? inputs[2].load() : new Float64Array(n);
    const out = attributes.addend
      ? inputs[inputs.length - 1].load()
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
    output.save(out);
  },
};
