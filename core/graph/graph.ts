/**
 * A graph of symbolic tensors: what a model function builds, once. Nodes run in the order in which
 * they were made; `gradients` adds the backward nodes behind them.
 * @module
 */
import { type Shape, showShape } from "./dims.ts";
import type { DType, Quantization, TensorDType } from "./dtype.ts";
import type { KernelCallOf } from "./kernels/mod.ts";
import type { KernelAttributes, KernelName, View } from "./plan.ts";
import type { Dim } from "./dims.ts";

/** Attributes of a node of any op: plain data, typed by the op. */
export type Attributes = object;

/** Attributes of an op that has none. */
export type NoAttributes = Readonly<Record<never, never>>;

/** Shape and storage of a tensor. */
export interface TensorType {
  /** Sizes, outermost first. */
  readonly shape: Shape;
  /** How it is stored. */
  readonly dtype: TensorDType;
}

/** A symbolic tensor: an output of a node, or a leaf (an input or a variable). */
export interface Tensor extends TensorType {
  /** Number of the tensor in its graph. */
  readonly id: number;
  /** Where it comes from. */
  readonly source:
    | { readonly kind: "input"; readonly name: string }
    | { readonly kind: "variable"; readonly name: string }
    | { readonly kind: "node"; readonly node: Node; readonly output: number };
}

/** One application of an op. */
export interface Node<A extends Attributes = Attributes> {
  /** Number of the node in its graph. */
  readonly id: number;
  /** What it applies. */
  readonly op: Op;
  /** What it reads. */
  readonly inputs: readonly Tensor[];
  /** Plain data that the op understands. */
  readonly attributes: A;
  /** The gradient rule of this node, where its op has none for all. */
  readonly gradient: GradientRule | null;
  /** What it makes. */
  readonly outputs: readonly Tensor[];
  /** What it is for: `layers.0.mlp.down_proj`. */
  readonly label: string;
  /** The checkpointed block it belongs to, if any. */
  readonly block: number | null;
}

/** Adds the backward nodes of one node. */
export type GradientRule = (context: GradientContext) => void;

/** What a gradient rule is given. */
export interface GradientContext<A extends Attributes = Attributes> {
  /** Where backward nodes are added. */
  readonly graph: Graph;
  /** The node whose gradient is wanted. */
  readonly node: Node<A>;
  /** Gradient that arrives at each output; undefined where nothing depends on it. */
  readonly dOutputs: readonly (Tensor | undefined)[];
  /** Whether the gradient of input `i` is wanted. */
  wants(i: number): boolean;
  /**
   * Adds a contribution to the gradient of input `i`. `make` gets what has been summed so far, or
   * undefined, and returns the new sum: a kernel that can add in place does it there.
   */
  add(i: number, make: (addend: Tensor | undefined) => Tensor): void;
}

/** What an op is lowered with. */
export interface LowerContext<A extends Attributes = Attributes> {
  /** The node to be lowered. */
  readonly node: Node<A>;
  /** Capacity of a dimension. */
  capacity(d: Dim): number;
  /** The view of an input. Throws `RangeError` for a quantised one: see `quantized`. */
  input(i: number): View;
  /** The words of a quantised input, (words) of i32, or null where it is none. */
  quantized(i: number): QuantizedView | null;
  /** The view of an output. */
  output(i: number): View;
  /** A temporary that lives during this node only. */
  scratch(type: { readonly shape: Shape; readonly dtype: DType }): View;
  /** Adds a kernel call; its label is the node's. */
  emit<K extends KernelName>(call: KernelCallOf<K, KernelAttributes[K]>): void;
  /**
   * Repeats what `body` emits over chunks of `total`; within it use the extent `as` for the chunk's size
   * and {@linkcode advancing} for what moves along.
   */
  repeat(
    options: { total: Dim; chunk: number; as: string },
    body: () => void,
  ): void;
}

/** A quantised matrix as the plan sees it. */
export interface QuantizedView {
  /** How the words are to be read. */
  readonly format: Quantization;
  /** Its words, as `core/graph/quantize/layout.ts` lays them out. */
  readonly view: View;
  /** Sizes of the matrix. */
  readonly rows: number;
  /** Width of a row. */
  readonly columns: number;
  /** Whether the device's matrix products read it as it is. */
  readonly inMatmul: boolean;
}

/** The view of a chunk of rows: shape (rows, ...), moving `chunk` rows an iteration. */
export function advancing(view: View, chunk: number, rows: Dim): View {
  let size = 1;
  for (const d of view.shape.slice(1)) {
    if (typeof d !== "number") {
      throw new RangeError(
        `Only rows of fixed size can be cut into chunks: ${
          showShape(view.shape)
        }`,
      );
    }
    size *= d;
  }
  return {
    ...view,
    shape: [rows, ...view.shape.slice(1)],
    advance: chunk * size,
  };
}

/** An op: shape rule, gradient rule, and how it becomes kernels. A value that nodes hold. */
export interface Op<A extends Attributes = Attributes> {
  /** Its name in labels. */
  readonly name: string;
  /** Types of the outputs. Throws `RangeError` for inputs that do not fit. */
  infer(
    inputs: readonly TensorType[],
    attributes: A,
  ): readonly TensorType[];
  /** Adds the backward nodes. An op without it stops gradients (and an error says so if one is needed). */
  gradient?(context: GradientContext<A>): void;
  /** Emits the kernel calls. */
  lower(context: LowerContext<A>): void;
  /** Inputs besides factors that may be read rounded to 16 bits, if every pass reads them so. None by default. */
  rounds?(node: Node<A>): readonly number[];
  /** Inputs that are factors of matrix products of float32 sums: where all are stored in bf16 or all in f16, so they multiply. */
  factors?(node: Node<A>): readonly number[];
  /** Pairs [output, input] that may share a buffer when the input is not needed any more. */
  inPlace?(node: Node<A>): readonly (readonly [number, number])[];
  /** The pairs of `inPlace` must share: where an input has to stay, the planner copies it first. */
  readonly alwaysInPlace?: true;
}

/** Whether a node applies an op: its attributes are then the op's. */
export function applies<A extends Attributes>(
  node: Node,
  op: Op<A>,
): node is Node<A> {
  return node.op === op;
}

/** Builds and holds a graph. */
export class Graph {
  /** All nodes, in the order in which they run. */
  readonly nodes: Node[] = [];
  /** Nodes of checkpointed blocks that the backward pass computes again, with those of the forward pass. */
  readonly recomputed: Map<Node, Node> = new Map();
  /** How many of `nodes` are the forward pass: all, until `gradients` adds the backward pass behind them. */
  get forwardNodes(): number {
    return this.#forward ?? this.nodes.length;
  }
  /** Inputs by name. */
  readonly inputs: Map<string, Tensor> = new Map();
  /** Variables by name. */
  readonly variables: Map<string, Tensor> = new Map();
  /** Variables that hold a new value after the program. */
  readonly assignments: Map<string, Tensor> = new Map();
  /** Outputs by name. */
  readonly outputs: Map<string, Tensor> = new Map();
  #forward: number | null = null;
  #nextId = 0;
  #labels: string[] = [];
  #block: number | null = null;
  #nextBlock = 0;

  /** A tensor that the host writes before each run. The same name is the same tensor. */
  input(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#leaf(this.inputs, { kind: "input", name }, { shape, dtype });
  }

  /** A tensor that lives on the device between runs: a parameter, a gradient, optimizer state. */
  variable(name: string, shape: Shape, dtype: TensorDType = "f32"): Tensor {
    return this.#leaf(this.variables, { kind: "variable", name }, {
      shape,
      dtype,
    });
  }

  /** Applies an op. */
  apply<A extends Attributes>(
    op: Op<A>,
    inputs: readonly Tensor[],
    attributes: A,
    gradient?: GradientRule,
  ): readonly Tensor[] {
    const outputs: Tensor[] = [];
    const node: Node<A> = {
      id: this.#nextId++,
      op,
      inputs,
      attributes,
      gradient: gradient ?? null,
      outputs,
      label: [...this.#labels, op.name].join("."),
      block: this.#block,
    };
    let types: readonly TensorType[];
    try {
      types = op.infer(inputs, attributes);
    } catch (error) {
      throw new RangeError(
        `${node.label}: ${
          error instanceof Error ? error.message : String(error)
        }`,
        { cause: error },
      );
    }
    types.forEach((type, output) => {
      outputs.push({
        id: this.#nextId++,
        ...type,
        source: { kind: "node", node, output },
      });
    });
    this.nodes.push(node);
    return outputs;
  }

  /** Applies an op with one output. */
  apply1<A extends Attributes>(
    op: Op<A>,
    inputs: readonly Tensor[],
    attributes: A,
    gradient?: GradientRule,
  ): Tensor {
    return this.apply(op, inputs, attributes, gradient)[0];
  }

  /** After the program the variable holds `value`; computed in its place where possible. */
  assign(variable: Tensor, value: Tensor): void {
    if (variable.source.kind !== "variable") {
      throw new RangeError("Only variables can be assigned");
    }
    this.assignments.set(variable.source.name, value);
  }

  /** Says that the nodes made from now on are the backward pass. */
  beginBackward(): void {
    this.#forward ??= this.nodes.length;
  }

  /** Makes a tensor readable by the host after a run. */
  output(name: string, value: Tensor): void {
    this.outputs.set(name, value);
  }

  /** Labels the nodes made inside. */
  scope<T>(label: string, body: () => T): T {
    const outer = this.#labels[this.#labels.length - 1];
    // a full name inside the scope of its own beginning is not written twice
    const own = outer !== undefined && label.startsWith(`${outer}.`);
    this.#labels.push(own ? label.slice(outer.length + 1) : label);
    try {
      return body();
    } finally {
      this.#labels.pop();
    }
  }

  /**
   * A block whose forward nodes are computed again in the backward pass instead of being kept
   * (gradient checkpointing, arXiv:1604.06174).
   */
  checkpoint<T>(body: () => T): T {
    const outer = this.#block;
    this.#block = this.#nextBlock++;
    try {
      return body();
    } finally {
      this.#block = outer;
    }
  }

  #leaf(
    map: Map<string, Tensor>,
    source: Tensor["source"] & { name: string },
    type: TensorType,
  ): Tensor {
    const before = map.get(source.name);
    if (before !== undefined) return before;
    const tensor: Tensor = { id: this.#nextId++, ...type, source };
    map.set(source.name, tensor);
    return tensor;
  }
}
