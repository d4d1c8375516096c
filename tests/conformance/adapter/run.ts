/**
 * Models with adapters on the engine of training runs, without data sets, files or schedules.
 * @module
 */
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { isQuantized, type Quantization } from "../../../core/graph/dtype.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import { loadWeights } from "../../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import type {
  Adapter,
  AttachedAdapter,
  Device,
  ModelSpec,
  Optimizer,
  TensorReader,
} from "@denotune/denotune/core";
import type { Inputs } from "../../../core/contracts/objective.ts";
import { Engine } from "../../../core/engine/engine.ts";
import type { GenerationLimits } from "../../../core/engine/generate/programs.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import {
  asStored,
  writeQuantized,
} from "../../../core/engine/quantized_weights.ts";
import { narrowed } from "../../../core/run/saving/saved_model.ts";
import { gpt2Architecture, llamaArchitecture } from "../model/architectures.ts";

/** A batch as golden files write it: padded, labels not shifted, -100 where nothing is trained. */
export interface PaddedBatch {
  readonly input_ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
  /** Real tokens of each row. */
  readonly lengths: readonly number[];
}

/** The batch as the device gets it. */
export function inputsOf({ input_ids, labels, lengths }: PaddedBatch): Inputs {
  const [B, T] = [input_ids.length, input_ids[0].length];
  const rows: number[] = [];
  const targets: number[] = [];
  const segments = new Int32Array(B * T);
  const positions = new Int32Array(B * T);
  labels.forEach((row, b) => {
    for (let t = 0; t < lengths[b]; t++) {
      segments[b * T + t] = 1;
      positions[b * T + t] = t;
      const label = t + 1 < lengths[b] ? row[t + 1] : -100;
      if (label < 0) continue;
      rows.push(b * T + t);
      targets.push(label);
    }
  });
  return {
    B,
    T,
    tokens: Int32Array.from(input_ids.flat()),
    positions,
    segments,
    rows: Int32Array.from(rows),
    targets: Int32Array.from(targets),
    weights: new Float32Array(rows.length).fill(1),
    sources: new Int32Array(rows.length),
    divisor: rows.length,
    rowKeys: Int32Array.from({ length: B * T }, (_, i) => i * 7919),
  };
}

/** Tensors of a file by name. */
export function readTensors(path: string): Map<string, Float32Array> {
  using file = new SafetensorsFile(path);
  return new Map(
    [...file.tensors].map(([name, tensor]) => [name, tensor.read()]),
  );
}

/** A model folder, read. */
export interface Base {
  readonly spec: ModelSpec;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Reads a model folder. */
export async function readBase(path: string): Promise<Base> {
  using folder = openModelFolder(path);
  const architecture = folder.config.model_type === "gpt2"
    ? gpt2Architecture
    : llamaArchitecture;
  const spec = architecture.describe(folder.config);
  const weights = new Map<string, Float32Array>();
  await loadWeights(
    folder,
    { spec, weights: inventoryOf(spec, 8).weights },
    {
      dtypeOf: () => "f32",
      sink: ({ name, data }) => {
        weights.set(name, Float32Array.from(data));
      },
    },
  );
  return { spec, weights };
}

/** The base as an adapter wants it: with a head of its own where it trains head and embedding apart. */
export function baseFor(base: Base, adapter: Adapter): Base {
  const { spec, weights } = base;
  const { name: table } = spec.head;
  if (adapter.untiesHead?.(inventoryOf(spec, 8)) !== true) return base;
  const architecture = spec.modelType === "gpt2"
    ? gpt2Architecture
    : llamaArchitecture;
  const own = architecture.describe({
    ...spec.config,
    tie_word_embeddings: false,
  });
  const values = weights.get(table) ?? new Float32Array();
  return { spec: own, weights: new Map([...weights, [own.head.name, values]]) };
}

/** Binds an adapter to a model. */
export function attachTo(base: Base, adapter: Adapter): AttachedAdapter {
  const { sites, weights } = inventoryOf(base.spec, 8);
  return adapter.attach({ spec: base.spec, sites, weights });
}

/** Reads the base, or the adapter's tensors. */
export function reader(
  ...maps: readonly ReadonlyMap<string, Float32Array>[]
): TensorReader {
  return (name) => {
    for (const map of maps) {
      const found = map.get(name);
      if (found !== undefined) return found;
    }
    throw new RangeError(`no tensor ${name}`);
  };
}

/** How a model is opened. */
export interface OpenOptions {
  readonly adapter: AttachedAdapter | null;
  /** Tensors of an adapter file, in place of fresh ones. */
  readonly tensors?: ReadonlyMap<string, Float32Array>;
  readonly optimizer?: Optimizer;
  /** Storage of the frozen linear weights. */
  readonly quantization?: Quantization;
  /** Storage of some of them by pattern of their names. */
  readonly quantizationPattern?: Readonly<Record<string, Quantization | null>>;
  /** Storage of the head. */
  readonly headQuantization?: Quantization;
  /** Storage of all frozen matrices; absent: float32. */
  readonly frozenDtype?: "f32" | "bf16" | "f16";
  /** What generation is sized for; absent: nothing is generated. */
  readonly generate?: GenerationLimits;
  readonly B: number;
  readonly T: number;
}

/** A model, its weights and those of its adapter on a device. */
export async function openAdapted(
  device: Device,
  base: Base,
  { adapter, tensors, optimizer, B, T, ...storage }: OpenOptions,
): Promise<Engine> {
  const planned = planEngine({
    spec: base.spec,
    adapter,
    frozen: new Set(),
    frozenDtype: storage.frozenDtype ?? "f32",
    quantization: storage.quantization,
    quantizationPattern: storage.quantizationPattern,
    headQuantization: storage.headQuantization,
    causal: true,
    train: optimizer === undefined
      ? null
      : { B, T, optimizer, maxGradNorm: null, checkpointing: false },
    evaluate: { B, T },
    generate: storage.generate ?? null,
    sources: 1,
  }, device.info);
  const engine = await Engine.open(planned, device);
  const { session } = engine;
  const write = (name: string, data: Float32Array) =>
    isQuantized(session.dtypeOf(name))
      ? writeQuantized(session, name, (s, n) => data.subarray(s, s + n))
      : session.write(name, narrowed(data, session.dtypeOf(name)));
  for (const [name, data] of base.weights) write(name, data);
  if (adapter === null) return engine;
  for (const spec of adapter.parameters) {
    write(spec.name, initialWeights(spec, 5));
  }
  const load = reader(base.weights);
  const read: TensorReader = (name) => asStored(session, name, load(name));
  for (const [name, data] of adapter.initialise?.(read) ?? []) {
    write(name, data);
  }
  if (tensors === undefined) return engine;
  const own = new Set(adapter.parameters.map((p) => p.name));
  const left = new Set(tensors.keys());
  const trained = [...base.weights.keys()].filter((n) => adapter.trainsBase(n));
  for (const name of [...own, ...trained]) {
    const saved = own.has(name) ? name : adapter.savedName(name);
    const data = tensors.get(saved);
    if (data === undefined) throw new RangeError(`the file has no ${saved}`);
    left.delete(saved);
    write(name, data);
  }
  if (left.size > 0) throw new RangeError(`not read: ${[...left].join(", ")}`);
  return engine;
}

/** Mean loss of a batch. */
export async function lossOf(engine: Engine, inputs: Inputs): Promise<number> {
  const { lossSum } = await engine.evaluate([inputs]);
  return lossSum / inputs.divisor;
}

/** One step of training: mean loss before it, and the norm of all gradients. */
export async function trainStep(
  engine: Engine,
  inputs: Inputs,
  options: { step: number; learningRate: number },
): Promise<{ loss: number; gradNorm: number }> {
  engine.micro(inputs, inputs.divisor);
  engine.update(options);
  const [result] = await engine.results(1);
  return { loss: result.lossSum / inputs.divisor, gradNorm: result.gradNorm };
}
