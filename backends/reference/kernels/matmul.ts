/**
 * Matrix products.
 * @module
 */
import {
  DeviceError,
  type KernelAttributes,
  type ProductEpilogue,
  type QuantizedShape,
} from "@denotune/denotune/core";
import { type Kernel, type Operand, WEIGHT_TYPES } from "../kernel.ts";
import { checkExpression, closureOf, loadInputs } from "../expression.ts";
import type { Tensor } from "../tensor.ts";
import { loadQuantized, quantizedOperand } from "./quantized.ts";
import { programOperands } from "./rows.ts";

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

/** out = alpha * op(a) op(b) + bias + addend, for each batch, or what the epilogue makes of it. */
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
    const shareable: number[] = [];
    if (attributes.addend) {
      shareable.push(inputs.length);
      inputs.push({ name: "addend", elements: batch * m * n });
    }
    const { epilogue } = attributes;
    if (epilogue !== undefined) {
      const space = { rows: batch * m, columns: n };
      const [, ...more] = epilogueOperands(epilogue, space);
      epilogue.inputs.forEach((access, i) => {
        if (access === "matrix") shareable.push(inputs.length + i);
      });
      inputs.push(...more);
    }
    const outputs = (epilogue?.writes ?? [null]).map((_, o) => ({
      name: epilogue === undefined ? "out" : `output ${o}`,
      elements: batch * m * n,
    }));
    return {
      inputs,
      outputs,
      mayShare: outputs.flatMap((_, o) =>
        shareable.map((i) => [i, o] as const)
      ),
    };
  },

  run({ layout, alpha, ...attributes }, size, inputs, outputs) {
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

/** What the epilogue makes of a product: as a row program would that reads it. */
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

/** Input 0 stands for the product. */
function epilogueOperands(
  { inputs, writes }: ProductEpilogue,
  space: { rows: number; columns: number },
): Operand[] {
  const accesses = ["matrix" as const, ...inputs];
  for (const [o, expression] of writes.entries()) {
    checkExpression(
      expression,
      { inputs: accesses, values: new Set(), perElement: true },
      `output ${o}`,
    );
  }
  return programOperands(accesses, writes, space);
}
