import { constant } from "../../../../core/graph/expression.ts";
import { add, addRow } from "../../../../core/graph/ops/add.ts";
import {
  elementwise,
  multiply,
  scale,
  swiglu,
} from "../../../../core/graph/ops/elementwise.ts";
import type { Expr } from "../../../../core/mod.ts";
import { normalVariable } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const one: Readonly<Record<string, (x: Expr) => Expr>> = {
  neg: (x) => x.neg(),
  exp: (x) => x.exp(),
  "log of a positive number": (x) => x.mul(x).add(1).log(),
  sqrt: (x) => x.mul(x).add(1).sqrt(),
  rsqrt: (x) => x.mul(x).add(1).rsqrt(),
  reciprocal: (x) => x.mul(x).add(1).reciprocal(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  erf: (x) => x.erf(),
  "division by an expression": (x) => x.div(x.mul(x).add(2)),
  "division of a constant": (x) => constant(3).div(x.mul(x).add(2)),
  "a choice by sign": (x) => x.lt(0).select(x.mul(3), x.mul(x)),
};
for (const [name, f] of Object.entries(one)) {
  gradientTest(`elementwise differentiates ${name}`, () => ({
    // away from 0, where the choice has a corner
    variables: {
      x: {
        shape: [2, 4],
        data: Float32Array.of(-2, -1.5, -0.75, -0.25, 0.25, 0.5, 1, 1.75),
      },
    },
    forward: (graph, v) => elementwise(graph, [v("x")], f),
  }));
}

gradientTest(
  "max and min give the gradient to the operand they choose",
  () => ({
    variables: {
      a: { shape: [4], data: Float32Array.of(-1, 2, 0.5, 3) },
      b: { shape: [4], data: Float32Array.of(1, -2, 0.25, 4) },
    },
    forward: (graph, v) =>
      elementwise(
        graph,
        [v("a"), v("b")],
        (a, b) => a.max(b).mul(a).add(a.min(b)),
      ),
  }),
);

gradientTest("abs has the sign as its slope", () => ({
  variables: { x: { shape: [4], data: Float32Array.of(-1, 2, -0.5, 3) } },
  forward: (graph, v) =>
    elementwise(graph, [v("x")], (x) => x.abs().mul(x.abs())),
}));

gradientTest("a tensor used many times collects all its gradients", () => ({
  variables: {
    x: normalVariable([3, 4], 1),
    y: normalVariable([3, 4], 2),
  },
  forward(graph, v) {
    const [x, y] = [v("x"), v("y")];
    const product = multiply(graph, x, y);
    const total = add(graph, product, x);
    const squared = multiply(graph, total, total);
    return add(graph, add(graph, squared, product), scale(graph, x, 0.5));
  },
}));

gradientTest("x + x has gradient 2", () => ({
  variables: { x: normalVariable([3, 4], 3) },
  forward: (graph, v) => add(graph, v("x"), v("x")),
}));

gradientTest("swiglu differentiates by both operands", () => ({
  variables: {
    gate: normalVariable([3, 4], 4),
    up: normalVariable([3, 4], 5),
  },
  forward: (graph, v) => swiglu(graph, v("gate"), v("up")),
}));

gradientTest("a row added to every row has the sum of their gradients", () => ({
  variables: {
    x: normalVariable([5, 3], 61),
    row: normalVariable([3], 62),
  },
  forward: (graph, v) => addRow(graph, v("x"), v("row")),
}));
