/**
 * How weights are stored, and their bytes.
 *
 * ```text
 * f32    as trained, (out, in) or as the model's own file has them
 * f16    rounded to nearest even
 * q8     blocks of 32 along `in`: a byte each, 128 is zero; value = scale * (byte - 128)
 * q4     blocks of 32 along `in`: half a byte each, the first in the low half, 8 is zero
 * ```
 *
 * @module
 */
import {
  type ExportTensor,
  f32ToF16,
  transposedMatrix,
} from "@denotune/denotune/core";
import type { GraphBuilder } from "../graph/builder.ts";
import type { TensorSource } from "./proto.ts";

/** Numbers that share a scale. */
export const BLOCK = 32;

/** How a weight is stored. */
export type Storage = "f32" | "f16" | "q8" | "q4";

/** Type in which products with a weight are computed. */
export type Computes = "float32" | "float16";

/** What is decided of a weight before its bytes are made. */
export interface WeightPlan {
  readonly storage: Storage;
  readonly computes: Computes;
  /** Whether the file of the model has it as (in, out): blocks run along `in`. */
  readonly transposed: boolean;
}

/** A weight in the graph. */
export interface StoredWeight extends WeightPlan {
  /** Its numbers as they are stored. */
  readonly value: string;
  /** Scales of its blocks; empty: none. */
  readonly scales: string;
}

/** Numbers that are read at a time. */
const CHUNK = 1 << 20;

/** Names of the initializers of a quantised weight. */
export function quantizedNames(name: string, storage: Storage) {
  return { value: `${name}.${storage}`, scales: `${name}.scales` };
}

/** Rows and columns of a quantised weight, (out, in). */
export function quantizedShape(
  [first, second]: readonly number[],
  { transposed }: Pick<WeightPlan, "transposed">,
): {
  readonly rows: number;
  readonly columns: number;
  readonly blocks: number;
} {
  const [rows, columns] = transposed ? [second, first] : [first, second];
  return { rows, columns, blocks: Math.ceil(columns / BLOCK) };
}

/** Adds the initializers of a weight. */
export function storeWeight(
  onnx: GraphBuilder,
  tensor: ExportTensor,
  plan: WeightPlan,
): StoredWeight {
  const { name, shape } = tensor;
  const { storage, computes } = plan;
  if (storage === "f32" || storage === "f16") {
    onnx.initializer({
      name,
      type: storage === "f32" ? "float32" : "float16",
      dims: shape,
      data: plainSource(tensor, storage),
    });
    return { ...plan, value: name, scales: "" };
  }
  const { rows, blocks } = quantizedShape(shape, plan);
  const names = quantizedNames(name, storage);
  const bytes = storage === "q4" ? BLOCK / 2 : BLOCK;
  onnx.initializer({
    name: names.value,
    type: "uint8",
    dims: [rows, blocks, bytes],
    data: quantizedSource(tensor, plan, {
      bytes: rows * blocks * bytes,
      of: ({ values }) => values,
    }),
  });
  onnx.initializer({
    name: names.scales,
    type: computes,
    dims: [rows, blocks],
    data: quantizedSource(tensor, plan, {
      bytes: rows * blocks * (computes === "float16" ? 2 : 4),
      of: ({ scales }) =>
        bytesOf(computes === "float16" ? f32ToF16(scales) : scales),
    }),
  });
  return { ...plan, ...names };
}

function plainSource(
  tensor: ExportTensor,
  storage: "f32" | "f16",
): TensorSource {
  const elements = tensor.shape.reduce((a, b) => a * b, 1);
  return {
    bytes: elements * (storage === "f32" ? 4 : 2),
    async *pieces() {
      for (let start = 0; start < elements; start += CHUNK) {
        const count = Math.min(CHUNK, elements - start);
        const values = await tensor.read(start, count);
        yield bytesOf(storage === "f32" ? values : f32ToF16(values));
      }
    },
  };
}

/** Blocks of some rows. */
interface QuantizedRows {
  readonly values: Uint8Array;
  readonly scales: Float32Array;
}

function quantizedSource(
  tensor: ExportTensor,
  plan: WeightPlan,
  { bytes, of }: {
    readonly bytes: number;
    of(rows: QuantizedRows): Uint8Array;
  },
): TensorSource {
  const { rows, columns } = quantizedShape(tensor.shape, plan);
  return {
    bytes,
    async *pieces() {
      if (plan.transposed) {
        const all = await tensor.read(0, rows * columns);
        yield of(
          quantizeRows(
            transposedMatrix(all, { rows: columns, columns: rows }),
            columns,
            plan,
          ),
        );
        return;
      }
      const most = Math.max(1, Math.floor(CHUNK / columns));
      for (let row = 0; row < rows; row += most) {
        const count = Math.min(most, rows - row);
        const values = await tensor.read(row * columns, count * columns);
        yield of(quantizeRows(values, columns, plan));
      }
    },
  };
}

/** Blocks of whole rows. Scales are rounded before they divide, so that the numbers fit the scale that is stored. */
export function quantizeRows(
  x: Float32Array,
  columns: number,
  { storage, computes }: Pick<WeightPlan, "storage" | "computes">,
): QuantizedRows {
  const rows = x.length / columns;
  const blocks = Math.ceil(columns / BLOCK);
  const half = storage === "q4";
  const bytes = half ? BLOCK / 2 : BLOCK;
  const values = new Uint8Array(rows * blocks * bytes);
  const scales = new Float32Array(rows * blocks);
  const zero = half ? 8 : 128;
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * BLOCK;
      const count = Math.min(BLOCK, columns - block * BLOCK);
      const at = row * blocks + block;
      const scale = scaleOf(x.subarray(start, start + count), half);
      const stored = computes === "float16"
        ? halfOf(scale)
        : Math.fround(scale);
      scales[at] = stored;
      for (let i = 0; i < BLOCK; i++) {
        const share = i >= count || stored === 0
          ? 0
          : Math.round(x[start + i] / stored);
        const code = Math.min(2 * zero - 1, Math.max(0, share + zero));
        if (!half) values[at * bytes + i] = code;
        else values[at * bytes + (i >> 1)] |= code << (4 * (i & 1));
      }
    }
  }
  return { values, scales };
}

/**
 * Scale of a block. In 4 bits the number of largest size becomes -8, whichever its sign, so that one more level is
 * used; in 8 bits it becomes 127 or -127.
 */
function scaleOf(block: Float32Array, half: boolean): number {
  let largest = 0;
  for (const v of block) if (Math.abs(v) > Math.abs(largest)) largest = v;
  return half ? largest / -8 : Math.abs(largest) / 127;
}

function halfOf(value: number): number {
  const [bits] = f32ToF16(Float32Array.of(value));
  return new DataView(Uint16Array.of(bits).buffer).getFloat16(0, true);
}

/** The numbers of whole rows again. */
export function dequantizeRows(
  { values, scales }: QuantizedRows,
  columns: number,
  storage: "q8" | "q4",
): Float32Array {
  const blocks = Math.ceil(columns / BLOCK);
  const rows = scales.length / blocks;
  const out = new Float32Array(rows * columns);
  const half = storage === "q4";
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      const at = row * blocks + Math.floor(c / BLOCK);
      const i = c % BLOCK;
      const code = half
        ? (values[at * (BLOCK / 2) + (i >> 1)] >> (4 * (i & 1))) & 15
        : values[at * BLOCK + i];
      out[row * columns + c] = scales[at] * (code - (half ? 8 : 128));
    }
  }
  return out;
}

function bytesOf(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
