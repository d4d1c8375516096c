/**
 * Matrix products with a fused epilogue, in the three layouts that training needs: no transpose is
 * ever stored.
 * @module
 */
import { type Dim, product, type Shape } from "../dims.ts";
import type {
  GradientContext,
  Graph,
  LowerContext,
  Op,
  Tensor,
  TensorType,
} from "../graph.ts";
import {
  type HalfStorage,
  isQuantized,
  type Quantization,
  type TensorDType,
} from "../dtype.ts";
import type { ProductEpilogue, View } from "../plan.ts";
import { expectDim, expectShape, matrix } from "./_check.ts";
import { addTo } from "./add.ts";
import { columnSum } from "./column_sum.ts";
import { widened } from "./dequantize.ts";
import { input } from "../expression.ts";

/** NN: a (m, k) b (k, n). NT: a (m, k) b (n, k). TN: a (k, m) b (k, n). */
export type Layout = "NN" | "NT" | "TN";

/** Attributes of a product. */
export interface MatmulAttributes {
  readonly layout: Layout;
  readonly alpha: number;
  readonly bias: boolean;
  readonly addend: boolean;
  /** Absent: as is fastest. The gradients are never asked for so. */
  readonly exact?: true;
}

function sizes(
  layout: Layout,
  a: TensorType,
  b: TensorType,
): { m: Dim; n: Dim; k: Dim } {
  const [a0, a1] = matrixOf(a);
  const [b0, b1] = matrixOf(b);
  if (layout === "NN") {
    return expectDim(b0, a1, "inner size of b"), { m: a0, n: b1, k: a1 };
  }
  if (layout === "NT") {
    return expectDim(b1, a1, "inner size of b"), { m: a0, n: b0, k: a1 };
  }
  return expectDim(b0, a0, "inner size of b"), { m: a1, n: b1, k: a0 };
}

function matrixOf(t: TensorType): readonly [Dim, Dim] {
  if (t.shape.length !== 2) matrix(t, "matmul operand");
  return [t.shape[0], t.shape[1]];
}

/** out = alpha * op(a) op(b) + bias + addend. Inputs: a, b, bias?, addend?. */
export const matmulOp: Op<MatmulAttributes> = {
  name: "matmul",
  infer(inputs, { layout, bias, addend }) {
    const { m, n } = sizes(layout, inputs[0], inputs[1]);
    const shape: Shape = [m, n];
    if (isQuantized(inputs[0].dtype)) {
      throw new RangeError(
        `the first factor is stored as ${
          inputs[0].dtype
        }: only the second may be`,
      );
    }
    if (bias) expectShape(inputs[2].shape, [n], "bias");
    if (addend) {
      expectDim(
        product(inputs[inputs.length - 1].shape),
        product(shape),
        "addend",
      );
    }
    return [{ shape, dtype: "f32" }];
  },
  gradient: gradientOfMatmul,
  lower: (context) => lowerProduct(context),
  factors: () => [0, 1],
  inPlace(node) {
    return node.attributes.addend ? [[0, node.inputs.length - 1]] : [];
  },
};

/** The attribute `factors` of a product of these two. */
export function factorsOf(
  a: { readonly dtype: TensorDType },
  b: { readonly dtype: TensorDType },
): { readonly factors?: HalfStorage } {
  if (a.dtype !== "bf16" && a.dtype !== "f16") return {};
  return a.dtype === b.dtype ? { factors: a.dtype } : {};
}

/** The second factor of products, as they read it: quantised as it is, or widened first where the device has no such storage. */
export function secondFactor(context: LowerContext, i: number): {
  readonly view: View;
  readonly attributes: { readonly quantized?: Quantization };
} {
  const b = context.quantized(i);
  if (b === null) return { view: context.input(i), attributes: {} };
  return b.inMatmul
    ? { view: b.view, attributes: { quantized: b.format } }
    : { view: widened(context, b), attributes: {} };
}

/** Emits the call of a product, where there is one with an epilogue. */
export function lowerProduct(
  context: LowerContext<MatmulAttributes>,
  epilogue?: ProductEpilogue,
): void {
  const { node, input, output, emit } = context;
  const { layout, alpha, bias, addend, exact } = node.attributes;
  const factors = factorsOf(node.inputs[0], node.inputs[1]);
  const second = secondFactor(context, 1);
  emit({
    kernel: "matmul",
    attributes: {
      layout,
      batch: 1,
      ...sizes(layout, node.inputs[0], node.inputs[1]),
      alpha,
      bias,
      addend,
      ...factors,
      ...second.attributes,
      // rounded factors leave nothing to add up more exactly
      ...(exact && factors.factors === undefined ? { exact } : {}),
      ...(epilogue === undefined ? {} : { epilogue }),
    },
    inputs: node.inputs.map((_, i) => i === 1 ? second.view : input(i)),
    outputs: node.outputs.map((_, o) => output(o)),
  });
}

function gradientOfMatmul(context: GradientContext<MatmulAttributes>): void {
  const { graph, node, dOutputs } = context;
  const dOut = dOutputs[0];
  if (dOut === undefined) return;
  const { layout, alpha, bias, addend: hasAddend } = node.attributes;
  const [a, b] = node.inputs;
  const into = (i: number, layoutOf: Layout, x: Tensor, y: Tensor) =>
    context.add(
      i,
      (addend) => matmul(graph, x, y, { layout: layoutOf, alpha, addend }),
    );
  if (layout === "NN") {
    if (context.wants(0)) into(0, "NT", dOut, b);
    if (context.wants(1)) into(1, "TN", a, dOut);
  } else if (layout === "NT") {
    if (context.wants(0)) into(0, "NN", dOut, b);
    if (context.wants(1)) into(1, "TN", dOut, a);
  } else {
    if (context.wants(0)) into(0, "NT", b, dOut);
    if (context.wants(1)) into(1, "NN", a, dOut);
  }
  if (bias && context.wants(2)) {
    context.add(
      2,
      (addend) => columnSum(graph, [dOut], ["matrix"], input(0), addend),
    );
  }
  const last = node.inputs.length - 1;
  if (hasAddend && context.wants(last)) {
    context.add(last, (addend) => addTo(graph, addend, dOut));
  }
}

/**
 * alpha * op(a) op(b) + bias + addend. A weight may be stored in 16 bits or fewer if it is `b`. `exact`: what
 * comes out is exponentiated, so it should be rounded as little as the backend can without being slow.
 */
export function matmul(
  graph: Graph,
  a: Tensor,
  b: Tensor,
  options: {
    layout: Layout;
    alpha?: number;
    bias?: Tensor;
    addend?: Tensor;
    exact?: boolean;
  },
): Tensor {
  const { layout, alpha = 1, bias, addend, exact = false } = options;
  const inputs = [
    a,
    b,
    ...(bias === undefined ? [] : [bias]),
    ...(addend === undefined ? [] : [addend]),
  ];
  return graph.apply1(matmulOp, inputs, {
    layout,
    alpha,
    bias: bias !== undefined,
    addend: addend !== undefined,
    ...(exact ? { exact } : {}),
  });
}
