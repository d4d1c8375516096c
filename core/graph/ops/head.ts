/**
 * The vocabulary projection: one place for what a model does to its logits, shared by scoring and
 * decoding (`projectLogits`) and by the loss (`linearCrossEntropy`).
 * @module
 */
import type { Expr } from "../expression.ts";
import type { Graph, Tensor } from "../graph.ts";
import { elementwise } from "./elementwise.ts";
import { matmul } from "./matmul.ts";

/** logits = f(hidden weight^T + bias) */
export interface Head {
  /** (V, C) */
  readonly weight: Tensor;
  /** (V), or null. */
  readonly bias: Tensor | null;
  /** The elementwise function f of a logit (a scale, a soft cap); null: none. */
  readonly logits: ((x: Expr) => Expr) | null;
}

/** Logits (R, V) of hidden states (R, C). */
export function projectLogits(
  graph: Graph,
  hidden: Tensor,
  { weight, bias, logits }: Head,
): Tensor {
  const projected = matmul(graph, hidden, weight, {
    layout: "NT",
    bias: bias ?? undefined,
  });
  return logits === null
    ? projected
    : elementwise(graph, [projected], (x) => logits(x));
}
