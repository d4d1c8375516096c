/**
 * The obvious way to run a graph: every tensor has a buffer of its own, variables are read as they were
 * before the program, and get their new values after it. The witness of the planner.
 * @module
 */
import { isQuantized } from "../../../core/graph/dtype.ts";
import type { Memory } from "../../../core/graph/memory.ts";
import type { TensorType } from "../../../core/graph/graph.ts";
import type { PlannedProgram } from "../../../core/graph/planner.ts";
import {
  bytesOf,
  type DType,
  elementsOf,
  type Extents,
  type Graph,
  type KernelCall,
  product,
  type Segment,
  sizeOf,
  type Tensor,
  type TensorDType,
  type View,
} from "../../../core/mod.ts";

/** A program that shares no memory. */
export function planNaively(
  graph: Graph,
  options: { name: string; memory: Memory; capacities: Extents },
): PlannedProgram {
  const { name, memory, capacities } = options;
  const views = new Map<number, View>();
  const segments: { calls: KernelCall[]; repeat?: Segment["repeat"] }[] = [
    { calls: [] },
  ];
  const bytes = (t: TensorType) =>
    elementsOf(t.shape, capacities) * bytesOf(plain(t));
  const own = (t: TensorType): View => ({
    buffer: memory.buffer(bytes(t), "activations", "naive"),
    offset: 0,
    shape: t.shape,
    dtype: plain(t),
  });
  const view = (t: Tensor): View => ({
    ...views.get(t.id)!,
    shape: t.shape,
    dtype: plain(t),
  });
  const emit = (call: KernelCall) => segments.at(-1)!.calls.push(call);
  const copy = (from: View, to: View) =>
    emit({
      kernel: "copy",
      attributes: { elements: product(from.shape) },
      inputs: [from],
      outputs: [to],
      label: "naive copy",
    });
  const inputs = new Map<string, View>();
  for (const [input, t] of graph.inputs) {
    const buffer = memory.input(input, bytes(t));
    views.set(t.id, { buffer, offset: 0, shape: t.shape, dtype: plain(t) });
    inputs.set(input, view(t));
  }
  const home = (variable: string): View => {
    const place = memory.variables.get(variable)!;
    const { buffer, offset, shape } = place;
    return { buffer, offset, shape, dtype: plain(place) };
  };
  for (const [variable, t] of graph.variables) {
    views.set(t.id, own(t));
    copy(home(variable), view(t));
  }
  for (const node of graph.nodes) {
    for (const t of node.outputs) views.set(t.id, own(t));
    const standIns = new Map<number, View>();
    if (node.op.alwaysInPlace === true) {
      for (const [o, i] of node.op.inPlace!(node)) {
        copy(view(node.inputs[i]), view(node.outputs[o]));
        standIns.set(i, view(node.outputs[o]));
      }
    }
    node.op.lower({
      node,
      capacity: (d) => sizeOf(d, capacities),
      input: (i) => standIns.get(i) ?? view(node.inputs[i]),
      output: (o) => view(node.outputs[o]),
      quantized: () => null,
      scratch: own,
      emit: (call) => emit({ ...call, label: node.label } as KernelCall),
      repeat: (repeat, body) => {
        segments.push({ calls: [], repeat });
        body();
        segments.push({ calls: [] });
      },
    });
  }
  for (const [variable, value] of graph.assignments) {
    copy(view(value), home(variable));
  }
  const outputs = new Map<string, View>();
  for (const [output, t] of graph.outputs) outputs.set(output, view(t));
  const declared = new Set(graph.inputs.keys());
  return { plan: { name, segments, capacities }, inputs, declared, outputs };
}

/** The witness knows no quantised storage. */
function plain({ dtype }: { readonly dtype: TensorDType }): DType {
  if (isQuantized(dtype)) throw new RangeError(`Stored as ${dtype}`);
  return dtype;
}
