/**
 * Dead code: what nothing needs is not run.
 * @module
 */
import type { Graph, Node } from "./graph.ts";

/** The nodes that outputs and assignments depend on, in order. */
export function liveNodes(graph: Graph): Node[] {
  const needed = new Set<number>();
  for (const t of [...graph.outputs.values(), ...graph.assignments.values()]) {
    needed.add(t.id);
  }
  const live: Node[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((o) => needed.has(o.id))) continue;
    for (const t of node.inputs) needed.add(t.id);
    live.push(node);
  }
  return live.reverse();
}
