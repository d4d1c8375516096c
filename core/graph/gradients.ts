/**
 * Reverse-mode differentiation of a graph, by each op's own rule.
 * @module
 */
import { add } from "./ops/add.ts";
import type { GradientRule, Graph, Node, Tensor } from "./graph.ts";

/** What `gradients` is given. */
export interface GradientRequest {
  /** Tensors whose gradient is known: normally the loss, with the constant 1 folded into its op. */
  readonly seeds: readonly {
    readonly tensor: Tensor;
    readonly gradient: Tensor;
  }[];
  /** Variables whose gradients are wanted. */
  readonly parameters: readonly Tensor[];
  /** Start value of the sum for a parameter: its accumulation slot. Absent: starts at the first contribution. */
  readonly accumulators?: ReadonlyMap<Tensor, Tensor>;
}

/**
 * Adds backward nodes to the graph and returns the gradient of each parameter (undefined where the
 * seeds do not depend on it). Nodes of checkpointed blocks are emitted again, at the moment when the
 * first gradient arrives at the block, and never merged with the first ones.
 */
export function gradients(
  graph: Graph,
  request: GradientRequest,
): Map<Tensor, Tensor | undefined> {
  graph.beginBackward();
  const forward = [...graph.nodes];
  const needed = tensorsThatNeedGradients(forward, request.parameters);
  const sums = new Map<number, Tensor>(); // tensor id -> gradient so far
  for (const [parameter, slot] of request.accumulators ?? []) {
    sums.set(parameter.id, slot);
  }
  const touched = new Set<number>();
  for (const { tensor, gradient } of request.seeds) {
    const before = sums.get(tensor.id);
    sums.set(
      tensor.id,
      before === undefined ? gradient : add(graph, before, gradient),
    );
    touched.add(tensor.id);
  }
  const recomputed = new Map<Node, Node>();

  for (let i = forward.length - 1; i >= 0; i--) {
    const original = forward[i];
    if (!original.outputs.some((o) => touched.has(o.id))) continue;
    if (!original.inputs.some((t) => needed.has(t.id))) continue;
    if (original.block !== null && !recomputed.has(original)) {
      emitAgain(
        graph,
        forward.filter((n) => n.block === original.block),
        recomputed,
      );
    }
    const node = recomputed.get(original) ?? original;
    if (original.gradient === null && original.op.gradient === undefined) {
      throw new RangeError(
        `${original.label}: the op "${original.op.name}" has no gradient, but a parameter before it is trained`,
      );
    }
    const rule: GradientRule = original.gradient ??
      ((context) => original.op.gradient?.(context));
    graph.scope(
      "backward",
      () =>
        graph.scope(original.label, () =>
          rule({
            graph,
            node,
            dOutputs: original.outputs.map((o) =>
              touched.has(o.id) ? shaped(sums.get(o.id), o) : undefined
            ),
            wants: (k) => needed.has(original.inputs[k].id),
            add(k, make) {
              const target = original.inputs[k];
              if (!needed.has(target.id)) return;
              sums.set(target.id, make(shaped(sums.get(target.id), target)));
              touched.add(target.id);
            },
          })),
    );
  }
  return new Map(
    request.parameters.map((
      p,
    ) => [p, touched.has(p.id) ? sums.get(p.id) : undefined]),
  );
}

/** A tensor in the shape in which another is seen (a reshaped tensor is the same tensor). */
function shaped(
  tensor: Tensor | undefined,
  like: Tensor,
): Tensor | undefined {
  return tensor === undefined ? undefined : { ...tensor, shape: like.shape };
}

function tensorsThatNeedGradients(
  nodes: readonly Node[],
  parameters: readonly Tensor[],
): Set<number> {
  const needed = new Set(parameters.map((p) => p.id));
  for (const node of nodes) {
    if (node.op.name === "stop_gradient") continue;
    if (node.inputs.some((t) => needed.has(t.id))) {
      for (const o of node.outputs) {
        needed.add(o.id);
      }
    }
  }
  return needed;
}

/** Emits the nodes of a block again; inputs from outside the block stay as they are. */
function emitAgain(
  graph: Graph,
  nodes: readonly Node[],
  recomputed: Map<Node, Node>,
): void {
  const copies = new Map<number, Tensor>();
  graph.scope("recompute", () => {
    for (const node of nodes) {
      const outputs = graph.scope(
        node.label,
        () =>
          graph.apply(
            node.op,
            node.inputs.map((t) => shaped(copies.get(t.id), t) ?? t),
            node.attributes,
            node.gradient ?? undefined,
          ),
      );
      node.outputs.forEach((o, k) => copies.set(o.id, outputs[k]));
      const again = graph.nodes[graph.nodes.length - 1];
      recomputed.set(node, again);
      graph.recomputed.set(again, node);
    }
  });
}
