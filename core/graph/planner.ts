/**
 * The planner: turns a graph into a plan. It drops what nothing needs, finds when each value dies, lets
 * outputs take the place of inputs that are not needed any more, and assigns everything to buffers.
 * Nodes keep their order.
 * @module
 */
import { bytesOf, isQuantized } from "./dtype.ts";
import { elementsOf, type Extents, product, sameDim, sizeOf } from "./dims.ts";
import { decomposeCall } from "./decompose_call.ts";
import { fuseEpilogues } from "./fuse/fuse_epilogues.ts";
import type { Graph, LowerContext, Node, Tensor, TensorType } from "./graph.ts";
import { keepSlopes } from "./fuse/keep_slopes.ts";
import { liveNodes } from "./live_nodes.ts";
import type { Memory } from "./memory.ts";
import { orderMoves } from "./moves.ts";
import {
  type BufferId,
  type KernelCall,
  type Plan,
  type Segment,
  type View,
  withViews,
} from "./plan.ts";
import { quantizedView, refuseQuantized, wordsOf } from "./quantized_view.ts";
import { placeFor, refuseOverlaps } from "./variable_places.ts";
import { Slots } from "./slots.ts";

/** A plan and where the host finds its inputs and outputs. */
export interface PlannedProgram {
  /** What the device compiles. */
  readonly plan: Plan;
  /** Where the host writes, by name. */
  readonly inputs: ReadonlyMap<string, View>;
  /** Inputs of the graph, those too that no node reads. */
  readonly declared: ReadonlySet<string>;
  /** Where the host reads, by name. */
  readonly outputs: ReadonlyMap<string, View>;
}

interface Storage {
  readonly buffer: BufferId;
  readonly offset: number;
  /** The variable whose place this is, if any: another tensor may live there before its new value does. */
  readonly variable: string | null;
  /** Whether the buffer goes back to the pool when its last tensor dies. */
  readonly pooled: boolean;
}

/** Plans a graph on a memory. All programs of a session are planned before anything is allocated. */
export function planProgram(
  graph: Graph,
  options: {
    readonly name: string;
    readonly memory: Memory;
    readonly capacities: Extents;
  },
): PlannedProgram {
  return new Planner(graph, options).run();
}

class Planner {
  readonly #graph: Graph;
  readonly #name: string;
  readonly #memory: Memory;
  readonly #capacities: Extents;
  readonly #storage = new Map<number, Storage>(); // tensor id -> place
  readonly #lastUse = new Map<number, number>(); // tensor id -> index of the last node that reads it
  readonly #kept = new Set<number>(); // ids that must survive the program
  readonly #assigned = new Map<number, string[]>(); // id of a new value -> the variables that it is the value of
  readonly #residents = new Map<string, number[]>(); // variable -> ids of the tensors that ever take its place
  readonly #slots = new Slots();
  readonly #segments: { calls: KernelCall[]; repeat?: Segment["repeat"] }[] = [{
    calls: [],
  }];

  constructor(
    graph: Graph,
    options: { name: string; memory: Memory; capacities: Extents },
  ) {
    this.#graph = graph;
    this.#name = options.name;
    this.#memory = options.memory;
    this.#capacities = options.capacities;
  }

  run(): PlannedProgram {
    const graph = this.#graph;
    for (const t of graph.outputs.values()) {
      if (t.source.kind === "node") this.#kept.add(t.id); // leaves are copied
    }
    for (const [name, { id }] of graph.assignments) {
      this.#assigned.set(id, [...this.#assigned.get(id) ?? [], name]);
    }
    const isKept = ({ id }: Tensor) =>
      this.#kept.has(id) || this.#assigned.has(id);
    const joined = fuseEpilogues(liveNodes(graph), {
      epilogues: this.#memory.epilogues,
      bytesOf: (t) => this.#bytes(t),
      isKept,
    });
    const nodes = this.#memory.keepsSlopes
      ? keepSlopes(joined, isKept)
      : joined;
    nodes.forEach((node, at) => {
      for (const t of node.inputs) this.#lastUse.set(t.id, at);
    });
    const inputs = this.#placeLeaves(nodes);
    const outputs = this.#saveLeaves();
    nodes.forEach((node, at) => {
      this.#slots.moveTo(at);
      this.#lower(node, at);
    });
    this.#slots.moveTo(nodes.length);
    this.#moveAssignments();
    for (const [name, t] of graph.outputs) {
      if (!outputs.has(name)) outputs.set(name, this.#view(t));
    }
    const bufferOf = this.#slots.assign(this.#memory);
    const assigned = (view: View): View => ({
      ...view,
      buffer: bufferOf(view.buffer),
    });
    for (const [name, view] of outputs) outputs.set(name, assigned(view));
    const plan: Plan = {
      name: this.#name,
      segments: this.#segments.filter(({ calls }) => calls.length > 0),
      capacities: this.#capacities,
    };
    return {
      plan: withViews(plan, assigned),
      inputs,
      declared: new Set(graph.inputs.keys()),
      outputs,
    };
  }

  #placeLeaves(nodes: readonly Node[]): Map<string, View> {
    const used = new Set<number>();
    for (const node of nodes) for (const t of node.inputs) used.add(t.id);
    for (
      const t of [
        ...this.#graph.outputs.values(),
        ...this.#graph.assignments.values(),
      ]
    ) used.add(t.id);
    const inputs = new Map<string, View>();
    for (const [name, t] of this.#graph.inputs) {
      if (!used.has(t.id)) continue;
      const buffer = this.#memory.input(name, this.#bytes(t));
      this.#storage.set(t.id, {
        buffer,
        offset: 0,
        variable: null,
        pooled: false,
      });
      this.#kept.add(t.id);
      inputs.set(name, this.#view(t));
    }
    for (const [name, t] of this.#graph.variables) {
      const isNeeded = used.has(t.id) || this.#graph.assignments.has(name);
      if (!isNeeded && !this.#memory.variables.has(name)) continue;
      const place = placeFor(t, {
        program: this.#name,
        name,
        memory: this.#memory,
      });
      this.#storage.set(t.id, {
        buffer: place.buffer,
        offset: place.offset,
        variable: name,
        pooled: false,
      });
      this.#residents.set(name, [t.id]);
    }
    refuseOverlaps(this.#name, this.#graph, this.#memory);
    return inputs;
  }

  /** Outputs that are leaves are copied before anything runs: this program or another may write there. */
  #saveLeaves(): Map<string, View> {
    const saved = new Map<string, View>();
    for (const [name, t] of this.#graph.outputs) {
      if (t.source.kind === "node") continue;
      const view = { ...this.#view(t), ...this.#ownBuffer(t) };
      this.#copy(this.#view(t), view, `${name}.output`);
      saved.set(name, view);
    }
    return saved;
  }

  #lower(node: Node, at: number): void {
    const shared = this.#shareInPlace(node, at);
    node.outputs.forEach((t, o) => {
      if (!shared.has(o)) this.#place(t, this.#placeOutput(t, at));
    });
    const copied = this.#copyForInPlace(node, shared);
    const scratches: BufferId[] = [];
    const context: LowerContext = {
      node,
      capacity: (d) => sizeOf(d, this.#capacities),
      input: (i) => {
        const tensor = copied.get(i) ?? node.inputs[i];
        refuseQuantized(tensor, `${node.label} cannot read input ${i}`);
        return this.#view(tensor);
      },
      quantized: (i) =>
        quantizedView(node.inputs[i], {
          view: this.#view(node.inputs[i]),
          storages: this.#memory.storages,
        }),
      output: (o) => this.#view(node.outputs[o]),
      scratch: (type) => {
        const buffer = this.#slots.take(this.#bytes(type));
        scratches.push(buffer);
        return { buffer, offset: 0, shape: type.shape, dtype: type.dtype };
      },
      emit: (call) => {
        this.#segments[this.#segments.length - 1].calls.push(
          ...decomposeCall({ ...call, label: node.label } as KernelCall, {
            kernels: this.#memory.kernels,
            scratch: context.scratch,
          }),
        );
      },
      repeat: (options, body) => {
        this.#segments.push({ calls: [], repeat: options });
        body();
        this.#segments.push({ calls: [] });
      },
    };
    node.op.lower(context);
    for (const buffer of scratches) this.#slots.release(buffer);
    this.#release(node, at);
  }

  /** Lets outputs take the place of inputs that die here. Returns the outputs that did. */
  #shareInPlace(node: Node, at: number): Set<number> {
    const done = new Set<number>();
    const taken = new Set<number>();
    for (const [o, i] of node.op.inPlace?.(node) ?? []) {
      const source = node.inputs[i];
      const target = node.outputs[o];
      // what the host reads has a buffer of its own: the pool or a variable could be overwritten before the read
      if (this.#kept.has(target.id)) continue;
      if (this.#belongsElsewhere(target, source)) continue;
      if (
        done.has(o) || taken.has(source.id) || !this.#mayBeReplaced(source, at)
      ) continue;
      if (node.inputs.filter((t) => t.id === source.id).length > 1) continue;
      if (
        source.dtype !== target.dtype ||
        !sameDim(product(source.shape), product(target.shape))
      ) continue;
      this.#place(target, this.#storage.get(source.id)!);
      done.add(o);
      taken.add(source.id);
    }
    return done;
  }

  /** For ops that work in place only: inputs that must stay are copied first. Returns their replacements. */
  #copyForInPlace(node: Node, shared: Set<number>): Map<number, Tensor> {
    const copied = new Map<number, Tensor>();
    if (node.op.alwaysInPlace !== true) return copied;
    for (const [o, i] of node.op.inPlace?.(node) ?? []) {
      if (shared.has(o)) continue;
      const [source, target] = [node.inputs[i], node.outputs[o]];
      this.#copy(this.#view(source), this.#view(target), `${node.label}.copy`);
      copied.set(i, target);
    }
    return copied;
  }

  /** Whether `target` is a variable's new value and `source` is not stored in that variable's place. */
  #belongsElsewhere(target: Tensor, source: Tensor): boolean {
    for (const name of this.#assigned.get(target.id) ?? []) {
      const home = this.#storage.get(this.#graph.variables.get(name)!.id)!;
      const place = this.#storage.get(source.id)!;
      return place.buffer !== home.buffer || place.offset !== home.offset;
    }
    return false;
  }

  #mayBeReplaced(t: Tensor, at: number): boolean {
    if (
      this.#lastUse.get(t.id) !== at || this.#kept.has(t.id) ||
      this.#assigned.has(t.id)
    ) return false;
    const place = this.#storage.get(t.id)!;
    // a variable's old value may go only if the program gives it a new one
    return place.variable === null ||
      this.#graph.assignments.has(place.variable);
  }

  #placeOutput(t: Tensor, at: number): Storage {
    if (this.#kept.has(t.id)) return this.#ownBuffer(t);
    for (const name of this.#assigned.get(t.id) ?? []) {
      if (!this.#isVacant(name, at)) continue;
      return this.#storage.get(this.#graph.variables.get(name)!.id)!;
    }
    return {
      buffer: this.#slots.take(this.#bytes(t)),
      offset: 0,
      variable: null,
      pooled: true,
    };
  }

  /** Whether no tensor stored in a variable's place is read at or after a node. */
  #isVacant(variable: string, at: number): boolean {
    return this.#residents.get(variable)!.every((id) =>
      (this.#lastUse.get(id) ?? -1) < at && !this.#assigned.has(id)
    );
  }

  #place(t: Tensor, storage: Storage): void {
    this.#storage.set(t.id, storage);
    if (storage.variable !== null) {
      this.#residents.get(storage.variable)!.push(t.id);
    }
  }

  /** A place that no other tensor of any program shares. */
  #ownBuffer(t: Tensor): Storage {
    const buffer = this.#memory.buffer(
      this.#bytes(t),
      "activations",
      `${this.#name}.${t.id}`,
    );
    return { buffer, offset: 0, variable: null, pooled: false };
  }

  /** Gives back the slots of tensors that nothing reads after this node. */
  #release(node: Node, at: number): void {
    const alive = new Set<BufferId>();
    const dying = new Set<BufferId>();
    for (const t of [...node.inputs, ...node.outputs]) {
      const place = this.#storage.get(t.id)!;
      if (!place.pooled) continue;
      const lives = (this.#lastUse.get(t.id) ?? -1) > at ||
        this.#assigned.has(t.id);
      (lives ? alive : dying).add(place.buffer);
    }
    for (const buffer of dying) {
      if (!alive.has(buffer)) this.#slots.release(buffer);
    }
  }

  /** Copies values that could not be computed in their variable's place. */
  #moveAssignments(): void {
    const moves = [...this.#graph.assignments].map(([name, value]) => ({
      label: `${name}.assign`,
      from: this.#view(value),
      to: this.#view(this.#graph.variables.get(name)!),
    }));
    const copies = orderMoves(moves, {
      bytes: (view) => this.#bytes(view),
      aside: (view) => {
        const buffer = this.#slots.take(this.#bytes(view));
        return { ...view, buffer, offset: 0 };
      },
    });
    for (const { from, to, label } of copies) this.#copy(from, to, label);
  }

  #copy(from: View, to: View, label: string): void {
    this.#segments[this.#segments.length - 1].calls.push({
      kernel: "copy",
      attributes: { elements: product(from.shape) },
      inputs: [from],
      outputs: [to],
      label,
    });
  }

  #view(t: Tensor): View {
    const place = this.#storage.get(t.id);
    if (place === undefined) {
      throw new RangeError(
        `${this.#name}: tensor ${t.id} is used before it is made`,
      );
    }
    const { buffer, offset } = place;
    if (!isQuantized(t.dtype)) {
      return { buffer, offset, shape: t.shape, dtype: t.dtype };
    }
    return { buffer, offset, shape: [wordsOf(t)], dtype: "i32" };
  }

  #bytes(type: TensorType): number {
    return isQuantized(type.dtype)
      ? 4 * wordsOf(type)
      : elementsOf(type.shape, this.#capacities) * bytesOf(type.dtype);
  }
}
