/**
 * Products in 16 bits: the factors of every matrix product of a graph that has its gradients are rounded to bf16 or
 * f16 before it.
 *
 * ```text
 * x ─► cast ─┬────────► x W       an activation is rounded once, and kept so for the backward pass
 *            └───────────────────────► x^T dy
 * W ─► cast ───────────► x W      a weight anew for each product: its copy lives for that product only
 * W ─► cast ────────────────────────► dy W^T
 * ```
 * @module
 */
import type { HalfStorage } from "../dtype.ts";
import type { Graph, Node, Tensor } from "../graph.ts";
import { cast, roundedFrom } from "../ops/cast.ts";

/** Rewrites the graph. Tensors that are stored so already are read as they are. */
export function narrowFactors(graph: Graph, storage: HalfStorage): void {
  const rounded = new Map<number, Tensor>();
  const narrow = (t: Tensor): Tensor => {
    const stored = roundedFrom(t, storage);
    if (stored !== null) return { ...stored, shape: t.shape };
    const known = rounded.get(t.id);
    if (known !== undefined) return { ...known, shape: t.shape };
    const made = cast(graph, t, storage);
    if (t.source.kind === "node") rounded.set(t.id, made);
    return made;
  };
  // all nodes leave the graph, and come back with the casts before them
  for (const node of graph.nodes.splice(0)) {
    graph.nodes.push(withFactors(graph, node, narrow));
  }
}

function withFactors(
  graph: Graph,
  node: Node,
  narrow: (t: Tensor) => Tensor,
): Node {
  const factors = node.op.factors?.(node) ?? [];
  if (factors.length === 0) return node;
  const inputs = graph.scope(
    node.label,
    () => node.inputs.map((t, i) => factors.includes(i) ? narrow(t) : t),
  );
  return { ...node, inputs };
}
