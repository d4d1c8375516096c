/**
 * Writes safetensors files, one or several with an index, tensor by tensor in bounded memory.
 * @module
 */
import { join } from "node:path";
import { DataError } from "../contracts/errors.ts";
import { showShape } from "../graph/dims.ts";
import { asUserError, userError, writeAll } from "./atomic.ts";
import { f32ToBf16, f32ToF16 } from "./half.ts";
import { showJson } from "./json_file.ts";
import { release } from "./release.ts";
import type { ElementRange } from "./read_safetensors.ts";
import {
  elementBytes,
  type SafetensorsDType,
  type WeightDType,
} from "./safetensors_header.ts";

/** Elements that are asked for at a time: 4 MiB of float32. */
const CHUNK = 1 << 20;

/** A tensor to be saved: its elements are asked for by ranges, in order. */
export interface TensorToSave {
  /** Hugging Face's name. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Elements `start` .. `start + count`, row-major, in float32. */
  read(start: number, count: number): Float32Array | Promise<Float32Array>;
  /**
   * Whether each array that `read` gives is nobody else's: it may be asked for before earlier ones were written, and
   * its memory is given back once it is written.
   */
  readonly isGiven?: boolean;
}

/** A tensor that is copied as another file has it, whatever the type of the others. */
export interface TensorToCopy {
  /** Hugging Face's name. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Type of its elements. */
  readonly dtype: SafetensorsDType;
  /** The bytes of elements `start` .. `start + count`. */
  readBytes(range: ElementRange): Uint8Array;
}

/** What a file may hold. */
export type TensorToWrite = TensorToSave | TensorToCopy;

/** How tensors are written. */
export interface WriteOptions {
  /** Narrower types are rounded to nearest even. */
  readonly dtype: WeightDType;
  /** `__metadata__`; `{format: "pt"}` by default, without which transformers refuses a file. */
  readonly metadata?: { readonly [key: string]: string };
}

/** A tensor whose values are all in memory. */
export function tensorOf(
  name: string,
  shape: readonly number[],
  data: Float32Array,
): TensorToSave {
  return {
    name,
    shape,
    read: (start, count) => data.subarray(start, start + count),
  };
}

/**
 * Writes one file and syncs it. Not atomic by itself: write into a folder of `beginFolder`, or under a
 * temporary name. Throws `DataError` for a number that the type cannot hold, `DeviceError` for a full disk.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  options: WriteOptions,
): Promise<void> {
  const header = makeHeader(path, tensors, options);
  using file = asUserError(
    `write ${path}`,
    () => Deno.openSync(path, { write: true, create: true, truncate: true }),
  );
  const put = (bytes: Uint8Array) =>
    asUserError(`write ${path}`, () => writeAll(file, bytes));
  put(header);
  for await (const { tensor, at, count, values } of readAhead(tensors)) {
    if ("readBytes" in tensor) {
      put(tensor.readBytes({ start: at, count }));
      continue;
    }
    if (values?.length !== count) {
      throw new RangeError(
        `${tensor.name}: asked for ${count} elements from ${at} on, given ${values?.length}`,
      );
    }
    const bytes = encode(tensor.name, values, options.dtype);
    put(bytes);
    // hundreds of megabytes of chunks would wait for the collector
    if (bytes.buffer !== values.buffer) release(bytes);
    if (tensor.isGiven === true) release(values);
  }
  asUserError(`write ${path}`, () => file.syncSync());
}

/** A piece of a tensor: elements `at` to `at + count`. */
interface Piece {
  readonly tensor: TensorToWrite;
  readonly at: number;
  readonly count: number;
}

/**
 * All pieces in order, with their values where the tensor is no copy. What is given away is asked for with the
 * pieces before it, up to the size of one: a device may then answer all of them after one wait.
 */
async function* readAhead(
  tensors: readonly TensorToWrite[],
): AsyncGenerator<Piece & { readonly values: Float32Array | null }> {
  const asked: { piece: Piece; values: Promise<Float32Array> | null }[] = [];
  let ahead = 0;
  const take = async () => {
    const [{ piece, values }] = asked.splice(0, 1);
    ahead -= piece.count;
    return { ...piece, values: await values };
  };
  for (const piece of piecesOf(tensors)) {
    const { tensor, at, count } = piece;
    const mayWait = "isGiven" in tensor && tensor.isGiven === true;
    while (asked.length > 0 && !(mayWait && ahead + count <= CHUNK)) {
      yield await take();
    }
    const values = "readBytes" in tensor
      ? null
      : Promise.try(() => tensor.read(at, count));
    values?.catch(() => {}); // thrown where it is awaited, unless an earlier one was
    asked.push({ piece, values });
    ahead += count;
  }
  while (asked.length > 0) yield await take();
}

function* piecesOf(tensors: readonly TensorToWrite[]): Generator<Piece> {
  for (const tensor of tensors) {
    const total = elementsOf(tensor);
    for (let at = 0; at < total; at += CHUNK) {
      yield { tensor, at, count: Math.min(CHUNK, total - at) };
    }
  }
}

/** How a set of files is written. */
export interface ShardOptions extends WriteOptions {
  /** Largest file, in bytes of data; a larger tensor gets a file of its own. Default 5e9. */
  readonly maxShardBytes?: number;
}

/**
 * Writes `model.safetensors` into a folder, or, where that would exceed `maxShardBytes`,
 * `model-00001-of-00003.safetensors` ... with `model.safetensors.index.json`. Returns the file names.
 */
export async function writeShards(
  folder: string,
  tensors: readonly TensorToWrite[],
  options: ShardOptions,
): Promise<string[]> {
  const bytesOf = (tensor: TensorToWrite) =>
    elementsOf(tensor) * elementBytes(dtypeOf(tensor, options));
  const shards = cut(tensors, bytesOf, options.maxShardBytes ?? 5e9);
  if (shards.length <= 1) {
    const name = "model.safetensors";
    await writeSafetensors(join(folder, name), tensors, options);
    return [name];
  }
  const files: string[] = [];
  const weightMap: Record<string, string> = {};
  let elements = 0;
  let size = 0;
  for (const [i, shard] of shards.entries()) {
    const part = (n: number) => String(n).padStart(5, "0");
    const name = `model-${part(i + 1)}-of-${part(shards.length)}.safetensors`;
    await writeSafetensors(join(folder, name), shard, options);
    files.push(name);
    for (const tensor of shard) {
      weightMap[tensor.name] = name;
      elements += elementsOf(tensor);
      size += bytesOf(tensor);
    }
  }
  const index = "model.safetensors.index.json";
  try {
    await Deno.writeTextFile(
      join(folder, index),
      showJson({
        metadata: { total_parameters: elements, total_size: size },
        weight_map: weightMap,
      }),
    );
  } catch (error) {
    throw userError(`write ${join(folder, index)}`, error);
  }
  return [...files, index];
}

/** Lengths first, in order: a file is closed when the next tensor would not fit. */
function cut(
  tensors: readonly TensorToWrite[],
  bytesOf: (tensor: TensorToWrite) => number,
  limit: number,
): TensorToWrite[][] {
  const shards: TensorToWrite[][] = [];
  let used = Infinity;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    if (used + bytes > limit) {
      shards.push([]);
      used = 0;
    }
    shards[shards.length - 1].push(tensor);
    used += bytes;
  }
  return shards;
}

function makeHeader(
  path: string,
  tensors: readonly TensorToWrite[],
  options: WriteOptions,
): Uint8Array {
  const { metadata = { format: "pt" } } = options;
  const entries = new Map<string, unknown>([["__metadata__", metadata]]);
  let at = 0;
  for (const tensor of tensors) {
    if (entries.has(tensor.name)) {
      throw new RangeError(`Cannot write ${path}: two tensors ${tensor.name}`);
    }
    const dtype = dtypeOf(tensor, options);
    const end = at + elementsOf(tensor) * elementBytes(dtype);
    entries.set(tensor.name, {
      dtype,
      shape: tensor.shape,
      data_offsets: [at, end],
    });
    at = end;
  }
  const json = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(entries)),
  );
  // padded with blanks, so that the data start at a multiple of 8
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}

function encode(
  name: string,
  values: Float32Array,
  dtype: WeightDType,
): Uint8Array {
  const bytes = (a: Float32Array | Uint16Array) =>
    new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  if (dtype === "F32") return bytes(values);
  const half = dtype === "BF16" ? f32ToBf16(values) : f32ToF16(values);
  const infinity = dtype === "BF16" ? 0x7f80 : 0x7c00;
  for (let i = 0; i < half.length; i++) {
    if ((half[i] & 0x7fff) === infinity && Number.isFinite(values[i])) {
      throw new DataError(
        `Cannot save ${name} as ${dtype}: it holds ${
          values[i]
        }, and the largest ${dtype} is ${
          dtype === "F16" ? "65504" : "3.39e38"
        }; set save_dtype to ${
          dtype === "F16" ? "bfloat16 or float32" : "float32"
        }`,
      );
    }
  }
  return bytes(half);
}

function dtypeOf(
  tensor: TensorToWrite,
  { dtype }: WriteOptions,
): SafetensorsDType {
  return "readBytes" in tensor ? tensor.dtype : dtype;
}

function elementsOf(tensor: TensorToWrite): number {
  const n = tensor.shape.reduce((a, b) => a * b, 1);
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new RangeError(
      `${tensor.name} has shape ${showShape(tensor.shape)}`,
    );
  }
  return n;
}
