/**
 * A model to export as a model of ONNX: which weights are stored how, and what the file says of itself.
 * @module
 */
import {
  ConfigError,
  type ExportRequest,
  type KernelCall,
  messageOf,
  type TracedModel,
  traceModel,
  VERSION,
} from "@denotune/denotune/core";
import type { GraphBuilder } from "./graph/builder.ts";
import { TRANSLATIONS } from "./graph/kernels.ts";
import type { OnnxQuantization } from "./_options.ts";
import type { OnnxModel } from "./file/proto.ts";
import { type Translated, translateModel } from "./graph/translate.ts";
import {
  type StoredWeight,
  storeWeight,
  type WeightPlan,
} from "./file/weights.ts";

/** Versions of the operators. */
const OPSETS = { "": 21, "com.microsoft": 1 } as const;

/** Positions of models that have no bound. */
const UNBOUNDED_POSITIONS = 32768;

/** A model of ONNX, and where its weights are in it. */
export interface MadeModel {
  readonly model: OnnxModel;
  /** See {@linkcode Translated}. */
  readonly scales: Translated["scales"];
  /** Names of weights whose blocks run down the columns of their file. */
  readonly transposed: ReadonlySet<string>;
}

/** What is exported. */
export type Exported = Pick<ExportRequest, "model" | "adapter">;

/** Traces a model. Throws `ConfigError` that names an op which cannot be translated. */
export function trace({ model: { spec }, adapter }: Exported): TracedModel {
  try {
    return traceModel(spec, {
      adapter: adapter?.attached ?? null,
      maxPositions: spec.maxPositions ?? UNBOUNDED_POSITIONS,
      target: { kernels: new Set(Object.keys(TRANSLATIONS)), target: "ONNX" },
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(
      `Cannot write ${spec.modelType} as ONNX: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Makes the model; its weights are read when its file is written. */
export function makeModel(
  exported: Exported,
  quantization: OnnxQuantization,
): MadeModel {
  const { model: { spec, tensors }, adapter } = exported;
  const traced = trace(exported);
  const plans = planWeights(traced, quantization);
  const derived = derivedValues(exported);
  const stored = new Map<string, StoredWeight>();
  const weight = (name: string, onnx: GraphBuilder): StoredWeight => {
    const known = stored.get(name);
    if (known !== undefined) return known;
    const tensor = tensors.find((t) => t.name === name);
    const plan = plans.get(name);
    if (tensor === undefined || plan === undefined) {
      throw new ConfigError(
        `Cannot write ${spec.modelType} as ONNX: its weight ${name} is not among those to export`,
      );
    }
    const own = derived.get(name);
    const made = storeWeight(
      onnx,
      own === undefined ? tensor : {
        ...tensor,
        read: (start, count) => own.subarray(start, start + count),
      },
      plan,
    );
    stored.set(name, made);
    return made;
  };
  const { graph, scales } = translateModel(traced, {
    spec,
    leaves: {
      weight,
      constant: (name, onnx) => {
        const { values, shape, shortRows } = tableOf(traced, name) ?? {
          values: derived.get(name) ?? new Float32Array(),
          shape: traced.parameters.find((p) => p.spec.name === name)?.spec
            .shape ?? [],
          shortRows: null,
        };
        const made = onnx.initializer({
          name: `constant.${name}`,
          type: "float32",
          dims: shape,
          data: new Uint8Array(
            values.buffer,
            values.byteOffset,
            values.byteLength,
          ),
        });
        return { name: made, shortRows };
      },
      given: (name) => givenName(exported, name),
    },
  });
  return {
    scales,
    transposed: new Set(
      [...stored].filter(([, { transposed }]) => transposed)
        .map(([name]) => name),
    ),
    model: {
      graph,
      opsets: OPSETS,
      producer: { name: "denotune", version: VERSION },
      metadata: {
        "denotune.model_type": spec.modelType,
        "denotune.weights": JSON.stringify(
          Object.fromEntries(
            [...stored].map(
              ([name, { storage, transposed, value, scales }]) => {
                const shape = tensors.find((t) => t.name === name)?.shape ?? [];
                return [name, { shape, storage, transposed, value, scales }];
              },
            ),
          ),
        ),
        ...(adapter === null
          ? {}
          : { "denotune.adapter": JSON.stringify(adapter.config) }),
      },
    },
  };
}

/**
 * A table that the host computes; null: there is none of the name. Where its numbers follow from the longest row of a
 * run, as LongRoPE's do, rows for short runs come first, and those for the longest behind them.
 */
function tableOf(
  { constants, tableFor }: TracedModel,
  name: string,
): {
  readonly values: Float32Array;
  readonly shape: readonly number[];
  readonly shortRows: number | null;
} | null {
  const spec = constants.find((c) => c.spec.name === name)?.spec;
  if (spec === undefined) return null;
  const long = spec.make();
  const [positions, ...rest] = spec.shape;
  const columns = rest.reduce((a, b) => a * b, 1);
  const plain = { values: long, shape: spec.shape, shortRows: null };
  if (positions < 3) return plain;
  // two rows tell: position 0 turns nothing
  const isLong = (run: number) =>
    tableFor(name, run).subarray(0, 2 * columns)
      .every((v, i) => v === long[i]);
  if (isLong(2)) return plain;
  let [short, first] = [2, positions]; // the longest run that is short is between them
  while (first - short > 1) {
    const middle = Math.floor((short + first) / 2);
    if (isLong(middle)) first = middle;
    else short = middle;
  }
  const values = new Float32Array(short * columns + long.length);
  values.set(tableFor(name, short));
  values.set(long, short * columns);
  return { values, shape: [short + positions, ...rest], shortRows: short };
}

/** The input of a graph that a tensor of the adapter is; null: the graph has it. */
function givenName({ adapter }: Exported, name: string): string | null {
  if (adapter === null) return null;
  const { attached } = adapter;
  if (attached.parameters.some((p) => p.name === name)) return name;
  return attached.trainsBase(name) ? attached.savedName(name) : null;
}

/** Values that an adapter derives from the base: what PiSSA leaves of a weight, the norms of DoRA. */
function derivedValues(
  { model: { spec, tensors }, adapter }: Exported,
): ReadonlyMap<string, Float32Array> {
  const found = adapter?.attached.initialise?.((name) => {
    const tensor = tensors.find((t) => t.name === name);
    const count = tensor?.shape.reduce((a, b) => a * b, 1) ?? 0;
    const values = tensor?.read(0, count);
    if (values instanceof Float32Array) return values.slice();
    throw new ConfigError(
      `Cannot write ${spec.modelType} as ONNX: its adapter needs the weight ${name} at once`,
    );
  });
  return found ?? new Map();
}

/** How each weight is stored. */
export function planWeights(
  traced: TracedModel,
  quantization: OnnxQuantization,
): ReadonlyMap<string, WeightPlan> {
  return new Map(traced.weights.map(({ spec: { name, shape }, view }) => {
    const uses = new Set(
      traced.calls.filter((call) =>
        call.inputs.some(({ buffer }) => buffer === view.buffer)
      ).map((call) => useOf(call, view.buffer)),
    );
    return [name, planOf(quantization, { shape, uses })] as const;
  }));
}

/** What a call does with a weight: a product with rows (out, in) or (in, out), a look-up of rows, or anything else. */
type Use = "NT" | "NN" | "look-up" | "other";

function useOf(call: KernelCall, buffer: number): Use {
  const at = call.inputs.findIndex((input) => input.buffer === buffer);
  if (call.kernel === "gather_rows" && at === 0) return "look-up";
  if (call.kernel !== "matmul" || at !== 1) return "other";
  const { layout, batch } = call.attributes;
  return batch === 1 && layout !== "TN" ? layout : "other";
}

/**
 * The storage of a weight. Blocks are for what products read; a table, which the head may share, is looked up in them
 * too, and has 8 bits in q4: its rows are what the model sees of a token.
 */
function planOf(
  quantization: OnnxQuantization,
  { shape, uses }: {
    readonly shape: readonly number[];
    readonly uses: ReadonlySet<Use>;
  },
): WeightPlan {
  const narrow = quantization === "f16" || quantization === "q4f16";
  const computes = narrow ? "float16" : "float32";
  const plain: WeightPlan = {
    storage: narrow && shape.length > 1 ? "f16" : "f32",
    computes,
    transposed: false,
  };
  if (quantization === "f32" || quantization === "f16") return plain;
  if (uses.size === 1 && (uses.has("NT") || uses.has("NN"))) {
    const storage = quantization === "q8" ? "q8" : "q4";
    return { storage, computes, transposed: uses.has("NN") };
  }
  const isTable = uses.has("look-up") && !uses.has("NN") && !uses.has("other");
  return isTable ? { storage: "q8", computes, transposed: false } : plain;
}
