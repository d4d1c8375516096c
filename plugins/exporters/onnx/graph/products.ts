/**
 * Products with weights as they are stored, and rows of tables.
 *
 * ```text
 * float32    Gemm                            a (N, in), weight (out, in) as in the model's own file
 * float16    Gemm on both in float16         what comes out is widened again
 * q8, q4     MatMulNBits (com.microsoft)     blocks of 32 along `in`, each with a scale
 * ```
 *
 * @module
 */
import type {
  GatherRowsAttributes,
  MatmulAttributes,
} from "@denotune/denotune/core";
import { type GraphBuilder, MICROSOFT } from "./builder.ts";
import { BLOCK } from "../file/weights.ts";
import type { KernelTranslation, Translation } from "./translation.ts";

/** alpha * op(a) op(b) + bias + addend */
export const matmul: KernelTranslation<MatmulAttributes> = (t) => {
  const { onnx } = t;
  const { batch, m, n, alpha, bias, addend } = t.attributes;
  if (batch !== 1) t.refuse("multiplies several matrices at a time");
  if (t.attributes.epilogue !== undefined) t.refuse("has an epilogue");
  let out = multiplied(t);
  const factor = t.folds(1, alpha) ? 1 : alpha;
  if (factor !== 1) out = onnx.node("Mul", [out, onnx.float(factor)]);
  if (bias) out = onnx.node("Add", [out, t.input(2, [n])]);
  if (addend) {
    out = onnx.node("Add", [out, t.input(bias ? 3 : 2, [m, n])]);
  }
  t.output(0, out, [m, n]);
};

function multiplied(t: Translation<MatmulAttributes>): string {
  const { onnx } = t;
  const { m, n, k, layout } = t.attributes;
  const a = t.input(0, layout === "TN" ? [k, m] : [m, k]);
  const transposed = {
    transA: { int: layout === "TN" ? 1 : 0 },
    transB: { int: layout === "NT" ? 1 : 0 },
  };
  const weight = t.weight(1);
  if (weight === null || weight.storage === "f32") {
    const b = t.input(1, layout === "NT" ? [n, k] : [k, n]);
    return onnx.node("Gemm", [a, b], transposed);
  }
  const narrow = weight.computes === "float16" ? onnx.cast(a, "float16") : a;
  const out = weight.storage === "f16"
    ? onnx.node("Gemm", [narrow, weight.value], transposed)
    : onnx.nodes("MatMulNBits", [narrow, weight.value, weight.scales], {
      domain: MICROSOFT,
      attributes: {
        K: { int: Number(k) },
        N: { int: Number(n) },
        bits: { int: weight.storage === "q4" ? 4 : 8 },
        block_size: { int: BLOCK },
      },
    })[0];
  return weight.computes === "float16" ? onnx.cast(out, "float32") : out;
}

/** out[r] = table[index[r]] */
export const gatherRows: KernelTranslation<GatherRowsAttributes> = (t) => {
  const { onnx } = t;
  const { rows, columns } = t.attributes;
  const index = t.input(1, [rows]);
  const weight = t.weight(0);
  const stored = (name: string) => onnx.node("Gather", [name, index]);
  const found = weight?.storage === "f16"
    ? onnx.cast(stored(weight.value), "float32")
    : weight?.storage === "q8"
    ? widened(onnx, {
      values: stored(weight.value),
      scales: onnx.cast(stored(weight.scales), "float32"),
      columns,
    })
    : t.lookUp(0, index, columns);
  t.output(0, found, [rows, columns]);
};

/** Rows of blocks (N, blocks, 32) and of their scales (N, blocks) as numbers (N, columns). */
function widened(
  onnx: GraphBuilder,
  { values, scales, columns }: {
    readonly values: string;
    readonly scales: string;
    readonly columns: number;
  },
): string {
  const blocks = Math.ceil(columns / BLOCK);
  const whole = onnx.node("Sub", [
    onnx.cast(values, "float32"),
    onnx.float(128),
  ]);
  const rows = onnx.reshape(
    onnx.node("Mul", [
      whole,
      onnx.node("Unsqueeze", [scales, onnx.ints([2])]),
    ]),
    [-1, blocks * BLOCK],
  );
  return blocks * BLOCK === columns ? rows : onnx.slice(rows, {
    axis: 1,
    start: onnx.ints([0]),
    end: onnx.ints([columns]),
  });
}
