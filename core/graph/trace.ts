/**
 * A graph as kernel calls over values: what an exporter translates. Nothing is planned: every value has a buffer of
 * its own that is written once, so no call works in place and no size needs a capacity.
 *
 * ```text
 * graph ─► live nodes ─► each op's `lower` ─► calls of the kernels that it is made of
 * ```
 *
 * An op that no exporter has heard of arrives here as calls of kernels that all have.
 * @module
 */
import { decomposeCall } from "./decompose_call.ts";
import { type Dim, showDim } from "./dims.ts";
import { isQuantized } from "./dtype.ts";
import type { Graph, LowerContext, Node, Tensor } from "./graph.ts";
import { liveNodes } from "./live_nodes.ts";
import type { BufferId, KernelCall, View } from "./plan.ts";

/** A graph as calls. */
export interface TracedGraph {
  /** In the order in which they run; each buffer is written by one of them, or is a leaf. */
  readonly calls: readonly KernelCall[];
  /** Inputs that something reads, by name. */
  readonly inputs: ReadonlyMap<string, View>;
  /** Variables that something reads, by name. */
  readonly variables: ReadonlyMap<string, View>;
  /** The new values of variables, by name. */
  readonly assignments: ReadonlyMap<string, View>;
  /** Outputs, by name. */
  readonly outputs: ReadonlyMap<string, View>;
}

/** What calls may be made of. */
export interface TraceTarget {
  /** Kernels that it has; null: all. */
  readonly kernels: ReadonlySet<string> | null;
  /** Its name in messages. */
  readonly target: string;
}

/**
 * Traces a graph, with calls of the target's kernels alone. Throws `RangeError` that names the op whose kernels
 * depend on a capacity, repeat, or cannot be made of the target's.
 */
export function traceGraph(graph: Graph, target: TraceTarget): TracedGraph {
  const views = new Map<number, View>();
  const calls: KernelCall[] = [];
  let buffers: BufferId = 0;
  const place = (
    { shape, dtype }: Pick<Tensor, "shape" | "dtype">,
    what: string,
  ): View => {
    if (isQuantized(dtype)) {
      throw new RangeError(
        `${what} is stored as ${dtype}: trace it in float32`,
      );
    }
    return { buffer: buffers++, offset: 0, shape, dtype };
  };
  const viewOf = (t: Tensor): View => {
    const known = views.get(t.id) ?? place(t, nameOf(t));
    views.set(t.id, known);
    return { ...known, shape: t.shape }; // a reshaped tensor keeps its id
  };
  for (const node of liveNodes(graph)) {
    node.op.lower(contextOf(node, {
      viewOf,
      scratch: (type) => place(type, node.label),
      emit: (call, scratch) =>
        calls.push(...decomposeCall(call, { ...target, scratch })),
    }));
  }
  const read = new Set(
    calls.flatMap((call) => call.inputs.map(({ buffer }) => buffer)),
  );
  const leaves = (map: ReadonlyMap<string, Tensor>) =>
    new Map(
      [...map].map(([name, t]) => [name, viewOf(t)] as const)
        .filter(([, view]) => read.has(view.buffer)),
    );
  const values = (map: ReadonlyMap<string, Tensor>) =>
    new Map([...map].map(([name, t]) => [name, viewOf(t)] as const));
  return {
    calls,
    inputs: leaves(graph.inputs),
    variables: leaves(graph.variables),
    assignments: values(graph.assignments),
    outputs: values(graph.outputs),
  };
}

function nameOf({ source }: Tensor): string {
  return source.kind === "node" ? source.node.label : source.name;
}

function contextOf(
  node: Node,
  { viewOf, scratch, emit }: {
    viewOf(t: Tensor): View;
    scratch: LowerContext["scratch"];
    emit(call: KernelCall, scratch: LowerContext["scratch"]): void;
  },
): LowerContext {
  return {
    node,
    scratch,
    capacity(d: Dim) {
      if (typeof d === "number") return d;
      throw new RangeError(
        `${node.label}: its kernels depend on the capacity of ${
          showDim(d)
        }, and a traced graph has none`,
      );
    },
    input: (i) => viewOf(node.inputs[i]),
    quantized: () => null,
    output: (o) => viewOf(node.outputs[o]),
    // the definition of an op pairs the names of kernels with their attributes
    emit: (call) => emit({ ...call, label: node.label } as KernelCall, scratch),
    repeat() {
      throw new RangeError(
        `${node.label}: its kernels are repeated over chunks, which a traced graph cannot say`,
      );
    },
  };
}
