/**
 * Matrix products.
 * @module
 */
import {
  DeviceError,
  type KernelAttributes,
  type QuantizedShape,
} from "@denotune/denotune/core";
import { type Kernel, type Operand, WEIGHT_TYPES } from "../kernel.ts";
import { loadQuantized, quantizedOperand } from "./quantized.ts";

/** The matrix in b, where it is quantised. */
function quantizedShape(
  { layout, batch, n, k, quantized }: KernelAttributes["matmul"],
): QuantizedShape | null {
  if (quantized === undefined) return null;
  if (batch !== 1 || typeof n !== "number" || typeof k !== "number") {
    throw new DeviceError(
      "b is quantised: it must be one matrix of fixed size",
    );
  }
  const [rows, columns] = layout === "NT" ? [n, k] : [k, n];
  return { format: quantized, rows, columns };
}

/** out = alpha * op(a) op(b) + bias + addend, for each batch. */
export const matmul: Kernel<"matmul"> = {
  signature(attributes, size) {
    const [batch, m, n, k] = [
      attributes.batch,
      attributes.m,
      attributes.n,
      attributes.k,
    ].map(size);
    const quantized = quantizedShape(attributes);
    const inputs: Operand[] = [
      { name: "a", elements: batch * m * k },
      quantized === null
        ? { name: "b", elements: batch * k * n, dtypes: WEIGHT_TYPES }
        : quantizedOperand("b", quantized),
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
    const quantized = quantizedShape({ layout, alpha, ...attributes });
    const b = quantized === null
      ? inputs[1].load()
      : loadQuantized(inputs[1], quantized);
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
