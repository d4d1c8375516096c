/**
 * RMSNorm (arXiv:1910.07467) and LayerNorm (arXiv:1607.06450). Each keeps one or two numbers a row for
 * its gradient.
 * @module
 */
import { define, input, reduce, value, write } from "../expression.ts";
import type { GradientContext, Graph, Tensor } from "../graph.ts";
import { columnSum } from "./column_sum.ts";
import { rows, spaceOf } from "./rows.ts";

/** y = weight * x / sqrt(mean(x^2) + eps), over the last dimension. */
export function rmsNorm(
  graph: Graph,
  x: Tensor,
  weight: Tensor,
  options: { eps: number },
): Tensor {
  const space = spaceOf(x);
  const C = columnsOf(x);
  return rows(graph, [x, weight], space, {
    inputs: ["matrix", "row"],
    stages: [
      reduce("sum", "squares", input(0).mul(input(0))),
      define("rstd", value("squares").mul(1 / C).add(options.eps).rsqrt()),
      write(1, value("rstd")),
      write(0, input(0).mul(value("rstd")).mul(input(1))),
    ],
    outputs: ["matrix", "column"],
  }, (context) => {
    const { node, dOutputs } = context;
    const dY = dOutputs[0];
    if (dY === undefined) return;
    const rstd = node.outputs[1];
    // dx = rstd * (dy*w - x * rstd^2 * mean(dy*w*x))
    if (context.wants(0)) {
      const dYW = input(2).mul(input(1));
      const dX = value("rstd").mul(dYW.sub(input(0).mul(value("mean"))));
      rowGradient(context, 0, [node.inputs[0], node.inputs[1], dY, rstd], [
        "matrix",
        "row",
        "matrix",
        "column",
      ], (addend) => [
        reduce("sum", "dot", dYW.mul(input(0))),
        define("rstd", input(3)),
        define(
          "mean",
          value("dot").mul(1 / C).mul(value("rstd")).mul(value("rstd")),
        ),
        write(0, addend === null ? dX : input(addend).add(dX)),
      ]);
    }
    if (context.wants(1)) {
      context.add(1, (addend) =>
        columnSum(
          graph,
          [node.inputs[0], dY, rstd],
          ["matrix", "matrix", "column"],
          input(1).mul(input(0)).mul(input(2)),
          addend,
        ));
    }
  })[0];
}

/** y = weight * (x - mean) / sqrt(variance + eps) + bias, over the last dimension. */
export function layerNorm(
  graph: Graph,
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  options: { eps: number },
): Tensor {
  const C = columnsOf(x);
  const centred = input(0).sub(value("mean"));
  return rows(graph, [x, weight, bias], spaceOf(x), {
    inputs: ["matrix", "row", "row"],
    stages: [
      reduce("sum", "total", input(0)),
      define("mean", value("total").mul(1 / C)),
      reduce("sum", "squares", centred.mul(centred)),
      define("rstd", value("squares").mul(1 / C).add(options.eps).rsqrt()),
      write(1, value("mean")),
      write(2, value("rstd")),
      write(0, centred.mul(value("rstd")).mul(input(1)).add(input(2))),
    ],
    outputs: ["matrix", "column", "column"],
  }, (context) => {
    const { node, dOutputs } = context;
    const dY = dOutputs[0];
    if (dY === undefined) return;
    const [mean, rstd] = [node.outputs[1], node.outputs[2]];
    if (context.wants(0)) {
      // with n = (x - mean) * rstd: dx = rstd * (dy*w - mean(dy*w) - n * mean(dy*w*n))
      const dYW = input(2).mul(input(1));
      const normal = input(0).sub(input(3)).mul(input(4));
      const dX = input(4).mul(dYW.sub(value("a")).sub(normal.mul(value("b"))));
      rowGradient(
        context,
        0,
        [node.inputs[0], node.inputs[1], dY, mean, rstd],
        ["matrix", "row", "matrix", "column", "column"],
        (addend) => [
          reduce("sum", "sumA", dYW),
          reduce("sum", "sumB", dYW.mul(normal)),
          define("a", value("sumA").mul(1 / C)),
          define("b", value("sumB").mul(1 / C)),
          write(0, addend === null ? dX : input(addend).add(dX)),
        ],
      );
    }
    if (context.wants(1)) {
      context.add(1, (addend) =>
        columnSum(
          graph,
          [node.inputs[0], dY, mean, rstd],
          ["matrix", "matrix", "column", "column"],
          input(1).mul(input(0).sub(input(2)).mul(input(3))),
          addend,
        ));
    }
    if (context.wants(2)) {
      context.add(
        2,
        (addend) => columnSum(graph, [dY], ["matrix"], input(0), addend),
      );
    }
  })[0];
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
