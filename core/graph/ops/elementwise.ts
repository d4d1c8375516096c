/**
 * Elementwise functions of tensors of one shape; gradients are derived from the expression.
 * @module
 */
import { constant, type Expr, input, write } from "../expression.ts";
import { differentiate } from "../differentiate.ts";
import type { GradientContext, Graph, Tensor } from "../graph.ts";
import { expectShape } from "./_check.ts";
import { rows, spaceOf } from "./rows.ts";

/** out = f(x_0, x_1, ...), elementwise: all tensors have the shape of the first. */
export function elementwise(
  graph: Graph,
  inputs: readonly Tensor[],
  f: (...x: readonly Expr[]) => Expr,
): Tensor {
  for (const t of inputs) {
    expectShape(t.shape, inputs[0].shape, "elementwise input");
  }
  const out = f(...inputs.map((_, i) => input(i)));
  return rows(graph, inputs, spaceOf(inputs[0]), {
    inputs: inputs.map(() => "matrix" as const),
    stages: [write(0, out)],
    outputs: ["matrix"],
  }, (context) => gradient(context, out))[0];
}

/** One kernel a wanted input: dx_i = addend + dOut * df/dx_i. */
function gradient(context: GradientContext, out: Expr): void {
  const { graph, node, dOutputs, wants } = context;
  const dOut = dOutputs[0];
  if (dOut === undefined) return;
  const n = node.inputs.length;
  node.inputs.forEach((target, i) => {
    if (!wants(i)) return;
    const partial = differentiate(out, i);
    context.add(i, (addend) => {
      const contribution = isOne(partial) ? input(n) : input(n).mul(partial);
      if (isOne(partial) && addend === undefined) return dOut;
      const tensors = [
        ...node.inputs,
        dOut,
        ...(addend === undefined ? [] : [addend]),
      ];
      return rows(graph, tensors, spaceOf(target), {
        inputs: tensors.map(() => "matrix" as const),
        stages: [
          write(
            0,
            addend === undefined
              ? contribution
              : input(n + 1).add(contribution),
          ),
        ],
        outputs: ["matrix"],
      })[0];
    });
  });
}

function isOne(e: Expr): boolean {
  return e.node.kind === "constant" && e.node.value === 1;
}

/** a * b */
export function multiply(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return elementwise(graph, [a, b], (x, y) => x.mul(y));
}

/** factor * x */
export function scale(graph: Graph, x: Tensor, factor: number): Tensor {
  return elementwise(graph, [x], (v) => v.mul(constant(factor)));
}

/** silu(gate) * up, the gated unit of Llama's MLP (arXiv:2002.05202). */
export function swiglu(graph: Graph, gate: Tensor, up: Tensor): Tensor {
  return elementwise(graph, [gate, up], (g, u) => g.mul(g.sigmoid()).mul(u));
}
