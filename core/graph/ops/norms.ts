/**
 * RMSNorm (arXiv:1910.07467) and LayerNorm (arXiv:1607.06450), with or without a weight and a bias. Each keeps
 * one or two numbers a row for its gradient.
 *
 * ```text
 * n = x * rstd  or  (x - mean) * rstd          rstd = 1 / sqrt(mean square or variance + eps)
 * y = n * (offset + weight) + bias
 * ```
 * @module
 */
import {
  define,
  type Expr,
  input,
  reduce,
  value,
  write,
} from "../expression.ts";
import type { GradientContext, Graph, Tensor } from "../graph.ts";
import { columnSum } from "./column_sum.ts";
import { rows, spaceOf } from "./rows.ts";

/** What a norm is made with. */
export interface NormOptions {
  /** Added to the mean square or variance. */
  readonly eps: number;
  /** Added to the weight: 1 where it is kept as its difference from 1. Default 0. */
  readonly offset?: number;
}

/** y = (offset + weight) * x / sqrt(mean(x^2) + eps) + bias, over the last dimension. */
export function rmsNorm(
  graph: Graph,
  x: Tensor,
  weight: Tensor | null,
  options: NormOptions & { readonly bias?: Tensor },
): Tensor {
  const C = columnsOf(x);
  const { inputs, gain, shift } = affine(weight, options.bias ?? null, options);
  return rows(graph, [x, ...inputs], spaceOf(x), {
    inputs: ["matrix", ...inputs.map(() => "row" as const)],
    stages: [
      reduce("sum", "squares", input(0).mul(input(0))),
      define("rstd", value("squares").mul(1 / C).add(options.eps).rsqrt()),
      write(1, value("rstd")),
      write(0, shift(gain(input(0).mul(value("rstd"))))),
    ],
    outputs: ["matrix", "column"],
  }, (context) => {
    const { node, dOutputs } = context;
    const dY = dOutputs[0];
    if (dY === undefined) return;
    const rstd = node.outputs[1];
    // dx = rstd * (dn - x * rstd^2 * mean(dn*x)), with dn = dy * (offset + weight)
    if (context.wants(0)) {
      const weights = weight === null ? [] : [node.inputs[1]];
      const [d, r] = weight === null ? [1, 2] : [2, 3];
      const dN = gain(input(d));
      const dX = value("rstd").mul(dN.sub(input(0).mul(value("mean"))));
      rowGradient(context, 0, [node.inputs[0], ...weights, dY, rstd], [
        "matrix",
        ...weights.map(() => "row" as const),
        "matrix",
        "column",
      ], (addend) => [
        reduce("sum", "dot", dN.mul(input(0))),
        define("rstd", input(r)),
        define(
          "mean",
          value("dot").mul(1 / C).mul(value("rstd")).mul(value("rstd")),
        ),
        write(0, addend === null ? dX : input(addend).add(dX)),
      ]);
    }
    if (weight !== null && context.wants(1)) {
      context.add(1, (addend) =>
        columnSum(
          graph,
          [node.inputs[0], dY, rstd],
          ["matrix", "matrix", "column"],
          input(1).mul(input(0)).mul(input(2)),
          addend,
        ));
    }
    biasGradient(context, options.bias === undefined ? null : inputs.length);
  })[0];
}

/** y = (offset + weight) * (x - mean) / sqrt(variance + eps) + bias, over the last dimension. */
export function layerNorm(
  graph: Graph,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  options: NormOptions,
): Tensor {
  const C = columnsOf(x);
  const centred = input(0).sub(value("mean"));
  const { inputs, gain, shift } = affine(weight, bias, options);
  return rows(graph, [x, ...inputs], spaceOf(x), {
    inputs: ["matrix", ...inputs.map(() => "row" as const)],
    stages: [
      reduce("sum", "total", input(0)),
      define("mean", value("total").mul(1 / C)),
      reduce("sum", "squares", centred.mul(centred)),
      define("rstd", value("squares").mul(1 / C).add(options.eps).rsqrt()),
      write(1, value("mean")),
      write(2, value("rstd")),
      write(0, shift(gain(centred.mul(value("rstd"))))),
    ],
    outputs: ["matrix", "column", "column"],
  }, (context) => {
    const { node, dOutputs } = context;
    const dY = dOutputs[0];
    if (dY === undefined) return;
    const [mean, rstd] = [node.outputs[1], node.outputs[2]];
    if (context.wants(0)) {
      // with n = (x - mean) * rstd: dx = rstd * (dn - mean(dn) - n * mean(dn*n)), dn = dy * (offset + weight)
      const weights = weight === null ? [] : [node.inputs[1]];
      const d = 1 + weights.length;
      const dN = gain(input(d));
      const normal = input(0).sub(input(d + 1)).mul(input(d + 2));
      const dX = input(d + 2).mul(
        dN.sub(value("a")).sub(normal.mul(value("b"))),
      );
      rowGradient(
        context,
        0,
        [node.inputs[0], ...weights, dY, mean, rstd],
        [
          "matrix",
          ...weights.map(() => "row" as const),
          "matrix",
          "column",
          "column",
        ],
        (addend) => [
          reduce("sum", "sumA", dN),
          reduce("sum", "sumB", dN.mul(normal)),
          define("a", value("sumA").mul(1 / C)),
          define("b", value("sumB").mul(1 / C)),
          write(0, addend === null ? dX : input(addend).add(dX)),
        ],
      );
    }
    if (weight !== null && context.wants(1)) {
      context.add(1, (addend) =>
        columnSum(
          graph,
          [node.inputs[0], dY, mean, rstd],
          ["matrix", "matrix", "column", "column"],
          input(1).mul(input(0).sub(input(2)).mul(input(3))),
          addend,
        ));
    }
    biasGradient(context, bias === null ? null : inputs.length);
  })[0];
}

/** The weight and the bias that are there, as inputs 1 and 2 (or 1), and what they do. */
function affine(
  weight: Tensor | null,
  bias: Tensor | null,
  { offset = 0 }: NormOptions,
): {
  readonly inputs: readonly Tensor[];
  gain(x: Expr): Expr;
  shift(x: Expr): Expr;
} {
  const inputs = [weight, bias].filter((t) => t !== null);
  return {
    inputs,
    gain: (x) =>
      weight === null
        ? x
        : x.mul(offset === 0 ? input(1) : input(1).add(offset)),
    shift: (x) => bias === null ? x : x.add(input(inputs.length)),
  };
}

/** The gradient of a bias is the sum of dY over rows. */
function biasGradient(context: GradientContext, at: number | null): void {
  const dY = context.dOutputs[0];
  if (at === null || dY === undefined || !context.wants(at)) return;
  context.add(
    at,
    (addend) => columnSum(context.graph, [dY], ["matrix"], input(0), addend),
  );
}

function columnsOf(x: Tensor): number {
  const { columns } = spaceOf(x);
  if (typeof columns !== "number") {
    throw new RangeError("A norm needs a fixed last dimension");
  }
  return columns;
}

/** Adds one matrix gradient made by a row program; `stages` gets the input number of the addend, or null. */
function rowGradient(
  context: GradientContext,
  target: number,
  tensors: readonly Tensor[],
  accesses: readonly ("matrix" | "row" | "column")[],
  stages: (addend: number | null) => Parameters<typeof rows>[3]["stages"],
): void {
  context.add(target, (addend) =>
    rows(
      context.graph,
      addend === undefined ? tensors : [...tensors, addend],
      spaceOf(tensors[0]),
      {
        inputs: addend === undefined ? accesses : [...accesses, "matrix"],
        stages: stages(addend === undefined ? null : tensors.length),
        outputs: ["matrix"],
      },
    )[0]);
}
