/**
 * a + b. The gradient is handed on as it is.
 * @module
 */
import { input, write } from "../expression.ts";
import type { Graph, Tensor } from "../graph.ts";
import { columnSum } from "./column_sum.ts";
import { elementwise } from "./elementwise.ts";
import { rows, spaceOf } from "./rows.ts";

/** a + b, of one shape. */
export function add(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return elementwise(graph, [a, b], (x, y) => x.add(y));
}

/** x + row on each row of x (N, C): a bias that belongs to no product. */
export function addRow(graph: Graph, x: Tensor, row: Tensor): Tensor {
  return rows(graph, [x, row], spaceOf(x), {
    inputs: ["matrix", "row"],
    stages: [write(0, input(0).add(input(1)))],
    outputs: ["matrix"],
  }, (context) => {
    const dOut = context.dOutputs[0];
    if (dOut === undefined) return;
    if (context.wants(0)) {
      context.add(0, (addend) => addTo(graph, addend, dOut));
    }
    if (context.wants(1)) {
      context.add(
        1,
        (addend) => columnSum(graph, [dOut], ["matrix"], input(0), addend),
      );
    }
  })[0];
}

/** `value`, or `addend + value` where there is an addend: for gradient rules whose kernel cannot add. */
export function addTo(
  graph: Graph,
  addend: Tensor | undefined,
  value: Tensor,
): Tensor {
  return addend === undefined ? value : add(graph, addend, value);
}
