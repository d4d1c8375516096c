/**
 * a + b. The gradient is handed on as it is.
 * @module
 */
import type { Graph, Tensor } from "../graph.ts";
import { elementwise } from "./elementwise.ts";

/** a + b, of one shape. */
export function add(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return elementwise(graph, [a, b], (x, y) => x.add(y));
}

/** `value`, or `addend + value` where there is an addend: for gradient rules whose kernel cannot add. */
export function addTo(
  graph: Graph,
  addend: Tensor | undefined,
  value: Tensor,
): Tensor {
  return addend === undefined ? value : add(graph, addend, value);
}
