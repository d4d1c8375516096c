/**
 * Builds a graph of ONNX operators. Equal nodes are made once, so that what every layer asks for (the mask, the rows
 * of a rotary table) is computed once, and what no output depends on is left out.
 * @module
 */
import {
  ELEMENT,
  type ElementType,
  type OnnxAttributes,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from "../file/proto.ts";

/** The domain of operators that only onnxruntime has. */
export const MICROSOFT = "com.microsoft";

/** One size of a shape that a value is given: a number, a dimension of the batch, or what is left over (-1). */
export type Size = number | "B" | "T";

/** Options of a node. */
export interface NodeOptions {
  readonly attributes?: OnnxAttributes;
  /** Empty: ONNX's own. */
  readonly domain?: string;
  /** How many outputs; default 1. */
  readonly outputs?: number;
}

/** A graph of ONNX operators that grows. */
export class GraphBuilder {
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs = new Map<string, OnnxValue>();
  readonly #outputs: OnnxValue[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  /** Outputs of a node by what it computes. */
  readonly #made = new Map<string, readonly string[]>();
  #next = 0;
  #label = "";

  /** Names the nodes that `body` makes. */
  within(label: string, body: () => void): void {
    this.#label = label;
    try {
      body();
    } finally {
      this.#label = "";
    }
  }

  /** An input of the model. The same name is the same input. */
  input(
    name: string,
    type: ElementType,
    dims: readonly (number | string)[],
  ): string {
    if (!this.#inputs.has(name)) this.#inputs.set(name, { name, type, dims });
    return name;
  }

  /** An input that is there already; null: there is none of the name. */
  inputOf(name: string): OnnxValue | null {
    return this.#inputs.get(name) ?? null;
  }

  /** Makes a value an output of the model. */
  output(value: string, named: OnnxValue): void {
    this.#nodes.push({
      name: `output/${named.name}`,
      operator: "Identity",
      domain: "",
      inputs: [value],
      outputs: [named.name],
      attributes: {},
    });
    this.#outputs.push(named);
  }

  /** A constant of the model. */
  initializer(tensor: OnnxTensor): string {
    if (!this.#initializers.has(tensor.name)) {
      this.#initializers.set(tensor.name, tensor);
    }
    return tensor.name;
  }

  /** The outputs of an operator. */
  nodes(
    operator: string,
    inputs: readonly string[],
    { attributes = {}, domain = "", outputs = 1 }: NodeOptions = {},
  ): readonly string[] {
    const key = JSON.stringify([operator, domain, inputs, attributes, outputs]);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const id = this.#next++;
    const name = `${this.#label}/${operator}.${id}`;
    const made = Array.from(
      { length: outputs },
      (_, o) => outputs === 1 ? `v${id}` : `v${id}.${o}`,
    );
    this.#nodes.push({
      name,
      operator,
      domain,
      inputs,
      outputs: made,
      attributes,
    });
    this.#made.set(key, made);
    return made;
  }

  /** The output of an operator that has one. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: OnnxAttributes = {},
  ): string {
    return this.nodes(operator, inputs, { attributes })[0];
  }

  /** A list of whole numbers. */
  ints(values: readonly number[]): string {
    return this.#constant("int64", [values.length], values);
  }

  /** A whole number. */
  int(value: number): string {
    return this.#constant("int64", [], [value]);
  }

  /** A number. */
  float(value: number): string {
    return this.#constant("float32", [], [value]);
  }

  /** A list of numbers. */
  floats(values: readonly number[]): string {
    return this.#constant("float32", [values.length], values);
  }

  /** A value as another type. */
  cast(value: string, to: ElementType): string {
    return this.node("Cast", [value], { to: { int: ELEMENT[to] } });
  }

  /** A value in another shape; at most one size is -1. */
  reshape(value: string, sizes: readonly Size[]): string {
    const dynamic = sizes.filter((s) => typeof s !== "number");
    if (dynamic.length === 0) {
      return this.node("Reshape", [value, this.ints(sizes.map(Number))]);
    }
    // one unknown size is what is left over
    if (dynamic.length === 1 && !sizes.includes(-1)) {
      const known = sizes.map((s) => typeof s === "number" ? s : -1);
      return this.node("Reshape", [value, this.ints(known)]);
    }
    const parts: string[] = [];
    let fixed: number[] = [];
    const flush = () => {
      if (fixed.length > 0) parts.push(this.ints(fixed));
      fixed = [];
    };
    for (const size of sizes) {
      if (typeof size === "number") fixed.push(size);
      else {
        flush();
        parts.push(this.size(size));
      }
    }
    flush();
    const shape = parts.length === 1
      ? parts[0]
      : this.node("Concat", parts, { axis: { int: 0 } });
    return this.node("Reshape", [value, shape]);
  }

  /** Rows (B) or new tokens (T) of the batch, as a list of one. */
  size(which: "B" | "T"): string {
    const start = which === "B" ? 0 : 1;
    return this.node("Shape", ["input_ids"], {
      start: { int: start },
      end: { int: start + 1 },
    });
  }

  /** A value with its axes in another order. */
  transpose(value: string, order: readonly number[]): string {
    return this.node("Transpose", [value], { perm: { ints: order } });
  }

  /** Elements from `start` up to `end` along an axis. */
  slice(
    value: string,
    { axis, start, end }: { axis: number; start: string; end: string },
  ): string {
    return this.node("Slice", [value, start, end, this.ints([axis])]);
  }

  /** The graph, without what no output depends on. */
  finish(name: string): OnnxGraph {
    const needed = new Set(this.#outputs.map((o) => o.name));
    const nodes: OnnxNode[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((o) => needed.has(o))) continue;
      for (const input of [...node.inputs, ...capturedBy(node)]) {
        needed.add(input);
      }
      nodes.push(node);
    }
    const isNeeded = ({ name }: { readonly name: string }) => needed.has(name);
    return {
      name,
      nodes: nodes.reverse(),
      inputs: [...this.#inputs.values()].filter(isNeeded),
      outputs: this.#outputs,
      initializers: [...this.#initializers.values()].filter(isNeeded),
    };
  }

  #constant(
    type: "int64" | "float32",
    dims: readonly number[],
    values: readonly number[],
  ): string {
    const shown = values.map((v) => Object.is(v, -0) ? "-0" : `${v}`).join(",");
    return this.initializer({
      name: `${type}${dims.length === 0 ? "" : "[]"}:${shown}`,
      type,
      dims,
      data: new Uint8Array(
        type === "int64"
          ? BigInt64Array.from(values, (v) => BigInt(v)).buffer
          : Float32Array.from(values).buffer,
      ),
    });
  }
}

/** Values that the graph of an attribute reads from the graph around it. */
function capturedBy({ attributes }: OnnxNode): string[] {
  return Object.values(attributes).flatMap((attribute) => {
    if (!("graph" in attribute)) return [];
    const { nodes, outputs } = attribute.graph;
    return [
      ...nodes.flatMap((node) => [...node.inputs, ...capturedBy(node)]),
      ...outputs.map((o) => o.name),
    ];
  });
}
