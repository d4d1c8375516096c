/**
 * What `precision: bfloat16` and `precision: float16` make of a graph.
 * @module
 */
import type { HalfStorage } from "../dtype.ts";
import type { Graph } from "../graph.ts";
import { withBfloat16Products } from "../ops/attention.ts";
import { keepRounded } from "./keep_rounded.ts";
import { narrowFactors } from "./narrow_factors.ts";

/**
 * Rewrites a graph that has its gradients, if it gets any: activations are kept for the backward pass in 16 bits, and
 * factors of matrix products are rounded to 16 bits, those of attention included where they are bf16. Everything else
 * is computed in float32 as before. Gradients in f16 need a scaled loss: theirs are too small for its exponent.
 */
export function computeInHalf(graph: Graph, storage: HalfStorage): void {
  keepRounded(graph, storage);
  narrowFactors(graph, storage);
  if (storage === "bf16") {
    graph.nodes.push(...graph.nodes.splice(0).map(withBfloat16Products));
  }
}
