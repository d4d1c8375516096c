/**
 * A traced model as a graph of ONNX operators, with the inputs and outputs that clients of ONNX know: `input_ids`,
 * `attention_mask`, `position_ids`, `past_key_values.N.key`, `logits`, `present.N.key`.
 * @module
 */
import {
  ConfigError,
  type Dim,
  type KernelAttributes,
  type KernelCall,
  type KernelCallOf,
  type KernelName,
  type ModelSpec,
  sameDim,
  type TracedModel,
  type View,
} from "@denotune/denotune/core";
import { batchOf } from "./batch.ts";
import { GraphBuilder, type Size } from "./builder.ts";
import { TRANSLATIONS } from "./kernels.ts";
import type { OnnxGraph } from "../file/proto.ts";
import { stateNames } from "./state_names.ts";
import type { Batch, Translation } from "./translation.ts";
import type { StoredWeight } from "../file/weights.ts";

/** What a graph reads that is no input of the host. */
export interface Leaves {
  /** The initializers of a weight. */
  weight(name: string, onnx: GraphBuilder): StoredWeight;
  /** The initializer of a table that the host computes, or of what an adapter derives from the base. */
  constant(name: string, onnx: GraphBuilder): Table;
  /** The input through which a client gives a weight or a parameter of an adapter; null: it is in the file. */
  given(name: string): string | null;
}

/** A table in the file of a model. */
export interface Table {
  readonly name: string;
  /**
   * How many first rows serve batches of up to that many positions; those behind them serve longer ones. Null: all
   * rows serve every batch.
   */
  readonly shortRows: number | null;
}

/** A translated model. */
export interface Translated {
  readonly graph: OnnxGraph;
  /** What values of the adapter's parameters are multiplied by, by name: factors that the graph does not have. */
  readonly scales: ReadonlyMap<string, number>;
}

interface Value {
  readonly name: string;
  readonly dims: readonly Dim[];
  readonly whole: boolean;
}

/** Translates a traced model. Throws `ConfigError` that names an op which cannot be translated. */
export function translateModel(
  traced: TracedModel,
  { spec, leaves }: { readonly spec: ModelSpec; readonly leaves: Leaves },
): Translated {
  return new Translator(traced, spec, leaves).run();
}

class Translator {
  readonly #traced: TracedModel;
  readonly #spec: ModelSpec;
  readonly #leaves: Leaves;
  readonly #onnx = new GraphBuilder();
  readonly #values = new Map<number, Value>();
  readonly #weights = new Map<number, string>();
  readonly #scales = new Map<string, number>();
  /** First rows of tables that have others for longer batches, by buffer. */
  readonly #shortRows = new Map<number, number>();
  readonly #cached: boolean;

  constructor(traced: TracedModel, spec: ModelSpec, leaves: Leaves) {
    this.#traced = traced;
    this.#spec = spec;
    this.#leaves = leaves;
    this.#cached = spec.attention !== "bidirectional";
    for (const { spec, view } of traced.weights) {
      this.#weights.set(view.buffer, spec.name);
    }
  }

  run(): Translated {
    const onnx = this.#onnx;
    onnx.input("input_ids", "int64", ["batch_size", "sequence_length"]);
    const mask = onnx.input("attention_mask", "int64", [
      "batch_size",
      this.#cached ? "total_sequence_length" : "sequence_length",
    ]);
    const batch = batchOf(onnx, { mask, cached: this.#cached });
    for (const call of this.#traced.calls) {
      onnx.within(call.label, () => this.#translate(call, batch));
    }
    const { vocabSize } = this.#spec;
    const logits = this.#read(this.#traced.logits, [-1, vocabSize], "logits");
    onnx.output(onnx.reshape(logits, ["B", "T", vocabSize]), {
      name: "logits",
      type: "float32",
      dims: ["batch_size", "sequence_length", vocabSize],
    });
    const names = stateNames(this.#traced.states);
    for (const { spec, after } of this.#traced.states) {
      const value = this.#values.get(after.buffer);
      const { past, present } = names(spec.name);
      const before = onnx.inputOf(past);
      if (value === undefined || before === null) continue;
      onnx.output(value.name, {
        ...before,
        name: present,
        dims: before.dims.map((d) =>
          d === "past_sequence_length" ? "total_sequence_length" : d
        ),
      });
    }
    return { graph: onnx.finish(this.#spec.modelType), scales: this.#scales };
  }

  #translate<K extends KernelName>(
    call: KernelCallOf<K, KernelAttributes[K]> & { readonly label: string },
    batch: Batch,
  ): void {
    const t = this.#translation(call, batch);
    const translate = TRANSLATIONS[call.kernel];
    if (translate === undefined) {
      return t.refuse(
        `needs the kernel ${call.kernel}, which is not translated`,
      );
    }
    translate(t);
  }

  #translation<A>(
    call: KernelCallOf<string, A> & { readonly label: string },
    batch: Batch,
  ): Translation<A> {
    const onnx = this.#onnx;
    const { label, inputs, outputs } = call;
    const names = stateNames(this.#traced.states);
    const refuse = (what: string): never => {
      throw new ConfigError(
        `Cannot write ${this.#spec.modelType} as ONNX: ${label} ${what}`,
      );
    };
    return {
      onnx,
      batch,
      attributes: call.attributes,
      refuse,
      input: (i, dims) => this.#read(inputs[i], dims, label),
      isWhole: (i) => inputs[i].dtype === "i32",
      weight: (i) => {
        const name = this.#weights.get(inputs[i].buffer);
        return name === undefined || this.#leaves.given(name) !== null
          ? null
          : this.#leaves.weight(name, onnx);
      },
      lookUp: (i, index, columns) =>
        onnx.node("Gather", [
          this.#read(inputs[i], [-1, columns], label),
          this.#behindShort(inputs[i], index),
        ]),
      cache: (i) =>
        this.#values.get(inputs[i].buffer)?.name ??
          refuse("reads keys that nothing has written"),
      heads: () => this.#heads(outputs[0]) ?? refuse("is read by no attention"),
      state: (i, dims) => {
        const state = this.#traced.states.find(({ before }) =>
          before.buffer === inputs[i].buffer
        );
        if (state === undefined) return refuse("keeps what is no state");
        return onnx.input(names(state.spec.name).past, "float32", [
          "batch_size",
          ...dims.map((d) => d === "past" ? "past_sequence_length" : d),
        ]);
      },
      folds: (i, factor) => this.#folds(inputs[i], factor),
      shape: (dims) => this.#shape(dims),
      output: (o, name, dims) => {
        const { buffer, dtype } = outputs[o];
        this.#values.set(buffer, { name, dims, whole: dtype === "i32" });
      },
    };
  }

  /** A value in some sizes. */
  #read(view: View, dims: readonly Dim[], label: string): string {
    if (view.offset !== 0 || (view.advance ?? 0) !== 0) {
      throw new ConfigError(
        `Cannot write ${this.#spec.modelType} as ONNX: ${label} reads a part of a tensor in place`,
      );
    }
    const value = this.#values.get(view.buffer) ?? this.#leaf(view, label);
    const same = value.dims.length === dims.length &&
      dims.every((d, i) => d === -1 || sameDim(d, value.dims[i]));
    return same
      ? value.name
      : this.#onnx.reshape(value.name, dims.map(sizeOfDim));
  }

  /** Rows of a table by position: behind the rows for short batches, where the batch is longer. */
  #behindShort({ buffer }: View, index: string): string {
    const onnx = this.#onnx;
    const short = this.#shortRows.get(buffer);
    if (short === undefined) return index;
    const last = onnx.node("ReduceMax", [index], { keepdims: { int: 0 } });
    const isLong = onnx.node("Less", [onnx.int(short - 1), last]);
    const first = onnx.node("Where", [isLong, onnx.int(short), onnx.int(0)]);
    return onnx.node("Add", [index, first]);
  }

  /** A leaf of the graph, as float32 or whole numbers. */
  #leaf(view: View, label: string): Value {
    const { inputs, parameters, constants, states } = this.#traced;
    const whole = view.dtype === "i32";
    const value = (name: string) => {
      const made = { name, dims: view.shape, whole };
      this.#values.set(view.buffer, made);
      return made;
    };
    const named = [...this.#traced.weights, ...parameters]
      .find((leaf) => leaf.view.buffer === view.buffer)?.spec;
    const given = named === undefined ? null : this.#leaves.given(named.name);
    if (named !== undefined && given !== null) {
      const ranks = this.#ranks(view.buffer);
      return value(this.#onnx.input(
        given,
        "float32",
        named.shape.map((d, i) => ranks.has(i) ? `${given}.rank` : d),
      ));
    }
    const weight = this.#weights.get(view.buffer);
    if (weight !== undefined) {
      const { value: stored, storage } = this.#leaves.weight(
        weight,
        this.#onnx,
      );
      return value(
        storage === "f16" ? this.#onnx.cast(stored, "float32") : stored,
      );
    }
    const constant = [...constants, ...parameters]
      .find((leaf) => leaf.view.buffer === view.buffer)?.spec;
    if (constant !== undefined) {
      const { name, shortRows } = this.#leaves.constant(
        constant.name,
        this.#onnx,
      );
      if (shortRows !== null) this.#shortRows.set(view.buffer, shortRows);
      return value(name);
    }
    const input = [...inputs].find(([, v]) => v.buffer === view.buffer);
    if (input !== undefined) return value(this.#input(input[0], label));
    const state = states.find((s) => s.before.buffer === view.buffer);
    throw new ConfigError(
      `Cannot write ${this.#spec.modelType} as ONNX: ${label} reads ${
        state === undefined
          ? "what nothing has written"
          : `${state.spec.name}, which a layer keeps, as numbers`
      }`,
    );
  }

  /** What the engine's host writes, from what a client of ONNX writes. */
  #input(name: string, label: string): string {
    const onnx = this.#onnx;
    const ids = ["batch_size", "sequence_length"];
    switch (name) {
      case "tokens":
        return onnx.input("input_ids", "int64", ids);
      case "positions":
        return this.#cached
          ? onnx.input("position_ids", "int64", ids)
          : onnx.node("Max", [
            onnx.node("Sub", [
              onnx.node("CumSum", ["attention_mask", onnx.int(1)]),
              onnx.int(1),
            ]),
            onnx.int(0),
          ]);
      case "segments":
        return "attention_mask";
      default:
        throw new ConfigError(
          `Cannot write ${this.#spec.modelType} as ONNX: ${label} reads the engine's input ${name}, which clients do not write`,
        );
    }
  }

  #heads(
    written: View,
  ): { readonly kvHeads: number; readonly headDim: number } | null {
    for (const call of this.#traced.calls) {
      if (call.kernel !== "attention_cached") continue;
      const caches = [call.inputs[1], call.inputs[2]];
      if (caches.some(({ buffer }) => buffer === written.buffer)) {
        return call.attributes;
      }
    }
    return null;
  }

  #folds({ buffer }: View, factor: number): boolean {
    const parameter = this.#traced.parameters.find((p) =>
      p.view.buffer === buffer
    );
    if (factor === 1 || parameter === undefined) return false;
    if (this.#readers(buffer).length !== 1) return false;
    this.#scales.set(parameter.spec.name, factor);
    return true;
  }

  /** Sizes of a parameter that only products with other parameters see: an adapter's rank may be any. */
  #ranks(buffer: number): ReadonlySet<number> {
    const isParameter = ({ buffer }: View) =>
      this.#traced.parameters.some((p) => p.view.buffer === buffer);
    const found = new Set<number>();
    const [only, ...others] = this.#readers(buffer);
    if (
      only?.kernel !== "matmul" || others.length > 0 ||
      only.inputs[1].buffer !== buffer
    ) return found;
    const isNarrow = (a: KernelCall | undefined, b: KernelCall | undefined) =>
      a?.kernel === "matmul" && b?.kernel === "matmul" &&
      !a.attributes.bias && !a.attributes.addend &&
      isParameter(a.inputs[1]) && isParameter(b.inputs[1]) &&
      b.inputs[0].buffer === a.outputs[0].buffer &&
      this.#readers(a.outputs[0].buffer).length === 1;
    const { layout } = only.attributes;
    const [next] = this.#readers(only.outputs[0].buffer);
    const before = this.#traced.calls.find((call) =>
      call.outputs.some((o) => o.buffer === only.inputs[0].buffer)
    );
    if (isNarrow(only, next)) found.add(layout === "NT" ? 0 : 1);
    if (isNarrow(before, only)) found.add(layout === "NT" ? 1 : 0);
    return found;
  }

  #readers(buffer: number): KernelCall[] {
    return this.#traced.calls.filter((call) =>
      call.inputs.some((input) => input.buffer === buffer)
    );
  }

  /** A shape as a list of whole numbers. */
  #shape(dims: readonly Dim[]): string {
    const onnx = this.#onnx;
    const parts = dims.map((d) => {
      if (typeof d === "number") return onnx.ints([d]);
      return d.names.reduce(
        (size, name) => {
          if (name !== "B" && name !== "T") {
            throw new ConfigError(
              `Cannot write ${this.#spec.modelType} as ONNX: clients know no dimension ${name}`,
            );
          }
          return onnx.node("Mul", [size, onnx.size(name)]);
        },
        onnx.ints([d.coefficient]),
      );
    });
    return onnx.node("Concat", parts, { axis: { int: 0 } });
  }
}

/** A dimension in a shape that a value is given; a product of names is what is left over. */
function sizeOfDim(d: Dim): Size {
  if (typeof d === "number") return d;
  const [name, ...others] = d.names;
  if (d.coefficient !== 1 || others.length > 0) return -1;
  return name === "B" || name === "T" ? name : -1;
}
