/**
 * Activations that the backward pass reads again are kept in 16 bits (bf16 or f16), half of the memory. Each is rounded where it is
 * made, and both passes read what was rounded, so that the gradient is that of the function that was computed:
 *
 * ```text
 * forward    z = x W      ─► cast ─► 16 bits ─► cast ─► gelu(z) ...    z in float32 lives until here
 * backward                            └───────► cast ─► dz = dh gelu'(z)
 * ```
 *
 * Only what all readers may see rounded is: inputs of elementwise functions, queries, keys and values of attention,
 * and factors of products. Norms, softmax and the residual stream stay in float32. What a checkpointed block computes
 * again is rounded as it was the first time, so that checkpoints change no bit.
 * @module
 */
import type { HalfStorage } from "../dtype.ts";
import type { Graph, Node, Tensor } from "../graph.ts";
import { cast } from "../ops/cast.ts";

/** The pass in which a node runs. */
type Pass = "forward" | "again" | "backward";

/** Rewrites a graph that has its gradients. */
export function keepRounded(graph: Graph, storage: HalfStorage): void {
  const passes = graph.nodes.map((node, at): Pass =>
    at < graph.forwardNodes
      ? "forward"
      : graph.recomputed.has(node)
      ? "again"
      : "backward"
  );
  const kept = roundedTensors(graph, passes);
  const narrow = new Map<number, Tensor>(); // id -> its numbers in 16 bits
  // id -> what was rounded, in float32: one for the readers of each pass, so that none lives from pass to pass
  const wide: Record<Pass, Map<number, Tensor>> = {
    forward: new Map(),
    again: new Map(),
    backward: new Map(),
  };
  graph.nodes.splice(0).forEach((node, at) => {
    const known = wide[passes[at]];
    const read = (t: Tensor): Tensor => {
      const rounded = narrow.get(t.id);
      if (rounded === undefined) return t;
      const made = known.get(t.id) ?? cast(graph, rounded);
      known.set(t.id, made);
      return { ...made, shape: t.shape };
    };
    graph.scope(node.label, () => {
      const inputs = node.inputs.map(read);
      graph.nodes.push({ ...node, inputs });
      for (const t of node.outputs) {
        if (kept.has(t.id)) narrow.set(t.id, cast(graph, t, storage));
      }
    });
  });
}

/**
 * Ids of the float32 tensors of the forward pass that the backward pass reads and that may be rounded, those too that
 * were computed again.
 */
function roundedTensors(
  graph: Graph,
  passes: readonly Pass[],
): ReadonlySet<number> {
  const { nodes, recomputed } = graph;
  const first = new Map<number, number>(); // id of a tensor computed again -> id of the first one
  for (const [node, original] of recomputed) {
    node.outputs.forEach((t, o) => first.set(t.id, original.outputs[o].id));
  }
  const idOf = ({ id }: Tensor) => first.get(id) ?? id;
  const readIn: Record<Pass, Set<number>> = {
    forward: new Set(),
    again: new Set(),
    backward: new Set(),
  };
  const exact = new Set<number>(); // somebody reads it who must not see it rounded
  nodes.forEach((node, at) => {
    const rounds = new Set([
      ...node.op.rounds?.(node) ?? [],
      ...node.op.factors?.(node) ?? [],
    ]);
    node.inputs.forEach((t, i) => {
      readIn[passes[at]].add(idOf(t));
      if (!rounds.has(i)) exact.add(idOf(t));
    });
  });
  for (const t of [...graph.outputs.values(), ...graph.assignments.values()]) {
    exact.add(idOf(t));
  }
  const made = (node: Node, at: number) =>
    passes[at] === "backward" ? [] : node.outputs;
  const rounded = nodes.flatMap(made).filter((t) => {
    const id = idOf(t);
    // a gradient that the loss has made already has no reader in the forward pass
    return t.dtype === "f32" && readIn.forward.has(id) &&
      readIn.backward.has(id) && !exact.has(id);
  });
  return new Set(rounded.map(({ id }) => id));
}
