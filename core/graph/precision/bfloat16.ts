/**
 * What `precision: bfloat16` makes of a graph.
 * @module
 */
import type { Graph } from "../graph.ts";
import { withBfloat16Products } from "../ops/attention.ts";
import { keepRounded } from "./keep_rounded.ts";
import { narrowFactors } from "./narrow_factors.ts";

/**
 * Rewrites a graph that has its gradients, if it gets any: activations are kept for the backward pass in bf16, and
 * factors of matrix products, those of attention included, are rounded to bf16. Everything else is computed in float32 as before.
 */
export function computeInBfloat16(graph: Graph): void {
  keepRounded(graph);
  narrowFactors(graph);
  graph.nodes.push(...graph.nodes.splice(0).map(withBfloat16Products));
}
