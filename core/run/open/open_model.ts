/**
 * From the key `model` of a run to a model: what it is (a spec), and where its weights come from.
 * @module
 */
import type { OpenedModel } from "./opened_model.ts";
import type {
  Architecture,
  ModelSpec,
  WeightSpec,
} from "../../contracts/model.ts";
import { createPart, type Creating } from "../../config/parts/create_part.ts";
import { nearest } from "../../config/parse/nearest.ts";
import { resolveModelPath } from "../../config/paths.ts";
import type { ModelConfig } from "../../config/types.ts";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import type { TensorReader } from "../../contracts/adapter.ts";
import type { HubOptions } from "../../io/hub/access.ts";
import { f32ToBf16, f32ToF16 } from "../../io/half.ts";
import { initialWeights } from "../../io/initial_weights.ts";
import { loadTensors } from "../../io/weights/load_weights.ts";
import { isQuantized, type TensorDType } from "../../graph/dtype.ts";
import { type ModelFolder, openModelFolder } from "../../io/model_folder.ts";
import { release } from "../../io/release.ts";
import type { Session } from "../../engine/session.ts";
import type { PlannedEngine } from "../../engine/plan_engine.ts";
import { asStored, writeQuantized } from "../../engine/quantized_weights.ts";
import { storedWeights } from "./stored_weights.ts";

/**
 * The architecture that reads a `model_type`. Throws `ConfigError` that lists the known ones, and names `trainedWith`:
 * the plugins of the run that saved the model.
 */
export async function findArchitecture(
  modelType: unknown,
  creating: Creating,
  where: string,
  trainedWith: () => Promise<readonly string[]> = () => Promise.resolve([]),
): Promise<Architecture> {
  const known: string[] = [];
  for (const { part } of creating.registry.list("model")) {
    const architecture = await createPart("model", part.name, creating);
    if (
      typeof modelType === "string" &&
      architecture.modelTypes.includes(modelType)
    ) return architecture;
    known.push(...architecture.modelTypes);
  }
  throw new ConfigError(
    unknownType(modelType, { known, where, trainedWith: await trainedWith() }),
  );
}

/** Says what is near, and what a plugin for the type would have to bring. */
function unknownType(
  modelType: unknown,
  { known, where, trainedWith }: {
    readonly known: readonly string[];
    readonly where: string;
    readonly trainedWith: readonly string[];
  },
): string {
  const all = [...known].sort().join(", ");
  if (typeof modelType !== "string") {
    return `${where}: model_type is ${
      JSON.stringify(modelType) ?? "missing"
    }, which no plugin reads; known: ${all}`;
  }
  if (trainedWith.length > 0) {
    return `${where}: model_type is ${
      JSON.stringify(modelType)
    }, which no built-in part reads, and the run that saved it had plugins: add ${
      trainedWith.map((module) => `--plugin ${module}`).join(" ")
    }`;
  }
  const near = nearest(modelType, known);
  const nearby = near === null
    ? ""
    : ` The nearest is ${near}: if the files are of that type, correct model_type; else its numbers would be wrong.`;
  return `${where}: model_type is ${
    JSON.stringify(modelType)
  }, which no plugin reads; known: ${all}.${nearby} A plugin for ${modelType} brings a part of the kind model: its modelTypes, describe (config.json read with ConfigReader) and forward (a graph over named sites); see examples/gpt_neox_model. Name its module under \`plugins\` in the run file, or with --plugin`;
}

/** Folder of the run's model files (downloaded where they are on the Hub), or null: before any part is made. */
export async function modelFolderOf(
  config: ModelConfig,
  options: HubOptions = {},
): Promise<
  { path: string; hub: { id: string; commit: string } | null } | null
> {
  if (config.path === null) return null;
  return await resolveModelPath(config.path, {
    ...options,
    base: Deno.cwd(),
    revision: config.revision,
  });
}

/**
 * The model that a folder's `config.json` describes. Throws `DataError` where its files cannot hold so many
 * layers: found before a model of that size is built.
 */
export function describeFolder(
  folder: ModelFolder,
  architecture: Architecture,
): ModelSpec {
  const spec = architecture.describe(folder.config);
  if (spec.layers > folder.tensors.size) {
    throw new DataError(
      `${folder.path}/config.json describes ${spec.layers} layers, but the weight files hold ${folder.tensors.size} tensors: they belong to another model, or the config is wrong`,
    );
  }
  return spec;
}

/** Opens the model of a run; reads headers only. */
export async function openModel(
  config: ModelConfig,
  located: Awaited<ReturnType<typeof modelFolderOf>>,
  creating: Creating,
): Promise<OpenedModel> {
  if (located === null) {
    const from = config.from_config ?? {};
    const architecture = await findArchitecture(
      from.model_type,
      creating,
      "model.from_config",
    );
    const spec = architecture.describe(from);
    return {
      spec,
      architecture,
      fresh: null,
      folder: null,
      name: `${spec.modelType} from random weights`,
      hub: null,
      [Symbol.dispose]: () => {},
    };
  }
  const folder = openModelFolder(located.path);
  try {
    const architecture = await findArchitecture(
      folder.config.model_type,
      creating,
      `${located.path}/config.json`,
    );
    return {
      spec: describeFolder(folder, architecture),
      architecture,
      fresh: null,
      folder,
      name: located.hub?.id ?? located.path,
      hub: located.hub,
      [Symbol.dispose]: () => folder[Symbol.dispose](),
    };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/** Checks that the folder has every weight, before a device wakes. Returns names of unused tensors. */
export function checkWeights(
  model: OpenedModel,
  weights: readonly WeightSpec[],
): readonly string[] {
  return storedWeights(model, weights)?.surplus ?? [];
}

/**
 * Writes the base weights to the device, in chunks; those of quantised storage are packed on the way. Where the
 * device's memory is at hand they are read into it. Throws the signal's reason once it is aborted.
 */
export async function writeBaseWeights(
  model: OpenedModel,
  weights: readonly WeightSpec[],
  options: { session: Session; seed: number; signal?: AbortSignal },
): Promise<void> {
  const { session, seed, signal } = options;
  const isPacked = ({ name }: WeightSpec) => isQuantized(session.dtypeOf(name));
  const stored = storedWeights(model, weights);
  if (stored === null) {
    for (const w of weights) {
      const values = firstWeights(model, w, seed);
      await turn();
      signal?.throwIfAborted();
      if (!isPacked(w)) {
        session.write(w.name, inStorage(values, session.dtypeOf(w.name)));
        release(values);
        await session.drain();
      } else {
        writeQuantized(
          session,
          w.name,
          (start, count) => values.subarray(start, start + count),
        );
      }
    }
    return;
  }
  const { tensors } = stored;
  for (const w of weights) {
    if (w.name !== model.ownHead || tensors.has(w.name)) continue;
    session.write(w.name, initialWeights(w, seed));
  }
  const packed = weights.filter((w) => isPacked(w) && tensors.has(w.name));
  const plain = new Map(tensors);
  for (const { name } of packed) plain.delete(name);
  await loadTensors(plain, {
    dtypeOf: (name) => {
      const dtype = session.dtypeOf(name);
      if (dtype === "i32" || dtype === "i8" || isQuantized(dtype)) {
        throw new RangeError(`${name} is no weight that is stored as it is`);
      }
      return dtype;
    },
    memoryOf: (name) => session.memoryOf(name),
    sink: async ({ name, start, data }) => {
      session.write(name, data, start, true);
      await session.drain();
    },
  }, signal);
  for (const { name } of packed) {
    signal?.throwIfAborted();
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new RangeError(`${name} was not found`);
    writeQuantized(
      session,
      name,
      (start, count) => tensor.read({ start, count }),
    );
    await session.idle(); // signals are heard, and writes do not pile up
  }
}

/** Random numbers that a weight starts with; a head that was untied starts as the embedding. */
function firstWeights(
  { spec, headStartsAs }: OpenedModel,
  weight: WeightSpec,
  seed: number,
): Float32Array {
  const isUntied = headStartsAs !== undefined && weight.name === spec.head.name;
  return initialWeights(
    isUntied ? { ...weight, name: headStartsAs } : weight,
    seed,
  );
}

/** Reads base weights on the host, in float32: for adapters that start from them. */
export function baseReader(
  model: OpenedModel,
  weights: readonly WeightSpec[],
  seed: number,
): TensorReader {
  const found = storedWeights(model, weights)?.tensors;
  return (name) => {
    const spec = weights.find((w) => w.name === name);
    const stored = found?.get(name);
    if (spec === undefined) {
      throw new RangeError(`The model has no weight ${name}`);
    }
    return stored === undefined
      ? firstWeights(model, spec, seed)
      : stored.read({ start: 0, count: stored.elements });
  };
}

/** Where an adapter starts. */
interface AdapterStart {
  readonly planned: PlannedEngine;
  readonly session: Session;
  readonly seed: number;
}

/**
 * Writes what an adapter starts from: its parameters, constants, and the weights of the base that it
 * changes. A checkpoint or a saved adapter is written over it afterwards.
 */
export function writeAdapterStart(
  model: OpenedModel,
  start: AdapterStart,
): void {
  beginAdapterStart(model, start)();
}

/**
 * Begins with it while the base is being written: parameters that start from random numbers. Returns what writes the
 * rest, which may be weights of the base.
 */
export function beginAdapterStart(
  model: OpenedModel,
  { planned, session, seed }: AdapterStart,
): () => void {
  const { adapter } = planned.request;
  if (adapter === null) return () => {};
  const load = baseReader(model, planned.inventory.weights, seed);
  const read: TensorReader = (name) => asStored(session, name, load(name));
  const given = adapter.initialise?.(read) ?? new Map<string, Float32Array>();
  for (const p of adapter.parameters) {
    if (!given.has(p.name)) {
      session.write(p.name, initialWeights(p, seed));
    }
  }
  return () => writeGiven(session, given);
}

function writeGiven(
  session: Session,
  given: ReadonlyMap<string, Float32Array>,
): void {
  for (const [name, data] of given) {
    const dtype = session.dtypeOf(name);
    if (dtype === "i32") throw new RangeError(`${name} is no weight`);
    if (isQuantized(dtype)) {
      throw new ConfigError(
        `The adapter starts by changing ${name}, which is stored as ${dtype} and cannot hold the change; with init_lora_weights=default it does not, or set model.quantization to null`,
      );
    }
    session.write(name, inStorage(data, dtype));
  }
}

/** Numbers as 16-bit patterns where they are stored so. */
function inStorage(
  values: Float32Array,
  dtype: TensorDType,
): Float32Array | Uint16Array {
  if (dtype === "f16") return f32ToF16(values);
  return dtype === "bf16" ? f32ToBf16(values) : values;
}

/** Lets signals and the terminal have the thread: making weights may take minutes. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
