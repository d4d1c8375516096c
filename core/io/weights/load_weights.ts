/**
 * From the tensors of a folder to the weights of a model: names, aliases and shapes are all checked
 * before the first number is read; then the numbers pass by in chunks.
 * @module
 */
import type { ModelSpec, WeightSpec } from "../../contracts/model.ts";
import { DataError } from "../../contracts/errors.ts";
import { showShape } from "../../graph/dims.ts";
import { type ModelFolder, some } from "../model_folder.ts";
import { type FileRange, readRanges } from "./read_ranges.ts";
import {
  type ElementRange,
  type Storage,
  StoredTensor,
} from "../read_safetensors.ts";
import { release } from "../release.ts";

/** Elements of a chunk: 16 MiB of float32. */
const CHUNK = 1 << 22;

/** How long the thread is kept from signals. */
const BUSY_MS = 30;

/** The head's name in files, whether it is tied or not. */
const HEAD = "lm_head.weight";

/** The types from which weights are read. */
const READABLE: readonly string[] = ["F32", "F16", "BF16"];

/** What a model says of its weights: `ModelSpec` and its inventory. */
export interface WantedWeights {
  /** Names under which files may hold its weights. */
  readonly spec: Pick<
    ModelSpec,
    "aliases" | "ignores" | "carries" | "head" | "modelType"
  >;
  /** Every weight. */
  readonly weights: readonly WeightSpec[];
}

/** Weights found in a folder. */
export interface FoundWeights {
  /** By the weight's name, in the model's order. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Tensors of the files that the model has no use for: worth a warning. */
  readonly surplus: readonly string[];
  /** Tensors of parts that are not built, which what is saved has as well. */
  readonly carried: readonly StoredTensor[];
}

/**
 * Finds every weight of a model in its folder. Throws `DataError` that lists up to ten missing tensors, or
 * tensors of another shape than the config asks for, or says that the files hold an untied head although
 * the config ties it.
 */
export function findWeights(
  folder: ModelFolder,
  { spec, weights }: WantedWeights,
): FoundWeights {
  const tensors = new Map<string, StoredTensor>();
  const used = new Set<string>();
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { name, shape } of weights) {
    const tensor = [name, ...spec.aliases(name)]
      .map((n) => folder.tensors.get(n)).find((t) => t !== undefined);
    if (tensor === undefined) {
      missing.push(name);
      continue;
    }
    used.add(tensor.name);
    tensors.set(name, tensor);
    if (!READABLE.includes(tensor.dtype)) {
      throw new DataError(
        `${tensor.path}: tensor ${tensor.name} is stored as ${tensor.dtype}; weights can be read from F32, F16 and BF16 only`,
      );
    }
    if (
      tensor.shape.length !== shape.length ||
      tensor.shape.some((d, i) => d !== shape[i])
    ) {
      misshapen.push(
        `${tensor.name} is ${showShape(tensor.shape)}, config.json asks for ${
          showShape(shape)
        }`,
      );
    }
  }
  const left = [...folder.tensors.keys()].filter((n) => !used.has(n));
  if (missing.length > 0) {
    const untied = missing.length === 1 && missing[0] === HEAD;
    throw new DataError(
      `${folder.path} lacks ${missing.length} of ${weights.length} tensors that a ${spec.modelType} of its config.json has: ${
        some(missing)
      }. ${
        untied
          ? "If the head shares the embedding, set tie_word_embeddings to true in config.json"
          : left.length > 0
          ? `Not used: ${some(left)}`
          : "The files hold nothing else"
      }`,
    );
  }
  if (misshapen.length > 0) {
    throw new DataError(
      `${folder.path}: ${misshapen.length} tensors have another shape than expected: ${
        some(misshapen)
      }`,
    );
  }
  checkTie(folder, spec, tensors);
  const copies = spec.head.tied ? [HEAD, ...spec.aliases(HEAD)] : [];
  const others = left.filter((n) => !spec.ignores(n) && !copies.includes(n));
  const isCarried = (n: string) => spec.carries?.(n) === true;
  return {
    tensors,
    surplus: others.filter((n) => !isCarried(n)),
    carried: others.filter(isCarried)
      .map((n) => folder.tensors.get(n)).filter((t) => t !== undefined),
  };
}

/** Numbers that are read by range: a tensor of a file, or one with rows that the file lacks. */
export interface ReadableTensor {
  /** Number of elements. */
  readonly elements: number;
  /** Elements in float32; all of them by default. */
  read(range?: ElementRange): Float32Array;
  /** Fills `out` with the elements from `start` on, in float32. */
  readInto(out: Float32Array, start: number): void;
  /** The same as 16-bit numbers. */
  readHalfInto(
    storage: "bf16" | "f16",
    out: Uint16Array,
    start: number,
  ): void;
}

/** A chunk of a weight on its way to where it is kept. */
export interface WeightChunk {
  /** The weight's name in the model. */
  readonly name: string;
  /** First element. */
  readonly start: number;
  /** As `dtype` says: float32, or 16-bit numbers. Valid until `sink` is done, which may keep the memory. */
  readonly data: Float32Array | Uint16Array;
  /** How `data` are stored. */
  readonly dtype: Storage;
}

/** Where weights go. */
export interface WeightSink {
  /** How a weight is to be stored. */
  dtypeOf(name: string): Storage;
  /** The memory that a weight is read into, which `sink` is not called for; null: it goes to `sink` in chunks. */
  memoryOf?(name: string): Float32Array | Uint16Array | null;
  /** Takes the next chunk: each weight's come in order, one weight after the other. */
  sink(chunk: WeightChunk): void | Promise<void>;
}

/**
 * Loads every weight of a model, in chunks. Returns the names of tensors that were not used. Throws as
 * {@linkcode findWeights} does.
 */
export async function loadWeights(
  folder: ModelFolder,
  wanted: WantedWeights,
  into: WeightSink,
): Promise<{ surplus: readonly string[] }> {
  const { tensors, surplus } = findWeights(folder, wanted);
  await loadTensors(tensors, into);
  return { surplus };
}

/** Loads tensors that were found, in chunks. Throws the signal's reason once it is aborted. */
export async function loadTensors(
  tensors: ReadonlyMap<string, ReadableTensor>,
  { dtypeOf, memoryOf, sink }: WeightSink,
  signal?: AbortSignal,
): Promise<void> {
  const ranges: FileRange[] = [];
  let free = performance.now(); // when the thread was last free
  for (const [name, tensor] of tensors) {
    const dtype = dtypeOf(name);
    const memory = memoryOf?.(name) ?? null;
    const widens = widening(tensor, dtype);
    if (
      memory !== null && tensor instanceof StoredTensor &&
      (widens !== null || tensor.isStoredAs(dtype))
    ) {
      const { buffer, byteOffset, byteLength } = memory;
      const into = new Uint8Array(buffer, byteOffset, byteLength);
      ranges.push({ path: tensor.path, offset: tensor.offset, into, widens });
      continue;
    }
    for (let start = 0; start < tensor.elements; start += CHUNK) {
      const count = Math.min(CHUNK, tensor.elements - start);
      const data = memory?.subarray(start, start + count) ??
        (dtype === "f32" ? new Float32Array(count) : new Uint16Array(count));
      if (data instanceof Float32Array) tensor.readInto(data, start);
      else if (dtype !== "f32") tensor.readHalfInto(dtype, data, start);
      if (memory === null) {
        await sink({ name, start, data, dtype });
        // the collector would leave some of them until the first step, where memory is at its peak
        release(data);
      }
      if (performance.now() - free < BUSY_MS) continue;
      // for signals: loading may take minutes, and a timer takes a millisecond
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
      free = performance.now();
    }
  }
  await readRanges(ranges, signal);
}

/** The type of 16 bits of a tensor that is kept in float32; null for any other. */
function widening(
  tensor: ReadableTensor,
  storage: Storage,
): "BF16" | "F16" | null {
  if (!(tensor instanceof StoredTensor) || storage !== "f32") return null;
  return tensor.dtype === "BF16" || tensor.dtype === "F16"
    ? tensor.dtype
    : null;
}

/** transformers leaves a head alone that differs from the embedding, whatever the config says. So must we. */
function checkTie(
  folder: ModelFolder,
  { head, aliases }: WantedWeights["spec"],
  tensors: ReadonlyMap<string, StoredTensor>,
): void {
  const copy = [HEAD, ...aliases(HEAD)].map((n) => folder.tensors.get(n))
    .find((t) => t !== undefined);
  const table = tensors.get(head.name);
  if (!head.tied || copy === undefined || table === undefined) return;
  if (copy === table) return;
  if (!sameNumbers(copy, table)) {
    throw new DataError(
      `${copy.path} has a head of its own: ${copy.name} differs from ${table.name}, but the config ties them; set tie_word_embeddings to false in ${folder.path}/config.json`,
    );
  }
}

function sameNumbers(a: StoredTensor, b: StoredTensor): boolean {
  if (a.elements !== b.elements) return false;
  for (let start = 0; start < a.elements; start += CHUNK) {
    const range = { start, count: Math.min(CHUNK, a.elements - start) };
    const [x, y] = [a.read(range), b.read(range)];
    if (x.some((v, i) => v !== y[i] && !(v !== v && y[i] !== y[i]))) {
      return false;
    }
  }
  return true;
}
