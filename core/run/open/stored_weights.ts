/**
 * The weights of a model as its folder holds them, with the rows that were added to its vocabulary.
 * @module
 */
import type { WeightSpec } from "../../contracts/model.ts";
import { f32ToBf16, f32ToF16 } from "../../io/half.ts";
import {
  findWeights,
  type ReadableTensor,
} from "../../io/weights/load_weights.ts";
import type { ElementRange, StoredTensor } from "../../io/read_safetensors.ts";
import type {
  TensorToSave,
  TensorToWrite,
} from "../../io/write_safetensors.ts";
import type { FreshRows } from "./opened_model.ts";
import type { OpenedModel } from "./opened_model.ts";

/** Rows that are read at a time. */
const CHUNK_ROWS = 4096;

/** Weights of a folder, ready to be read. */
export interface StoredWeights {
  /** By the weight's name, in the model's order. */
  readonly tensors: ReadonlyMap<string, ReadableTensor>;
  /** Tensors of the files that the model has no use for. */
  readonly surplus: readonly string[];
  /** Tensors of parts that are not built, which what is saved has as well. */
  readonly carried: readonly StoredTensor[];
}

/** Finds weights in the model's folder; none are there with `from_config`. Throws as `findWeights` does. */
export function storedWeights(
  { folder, spec, fresh, ownHead }: OpenedModel,
  weights: readonly WeightSpec[],
): StoredWeights | null {
  if (folder === null) return null;
  const isMissing = ({ name }: WeightSpec) =>
    name === ownHead && !folder.tensors.has(name);
  const filed = weights.filter((w) => !isMissing(w)).map((w) =>
    fresh?.tables.has(w.name)
      ? { ...w, shape: [fresh.stored, ...w.shape.slice(1)] }
      : w
  );
  const found = findWeights(folder, { spec, weights: filed });
  if (fresh === null) return found;
  const { tensors, surplus, carried } = found;
  return {
    surplus,
    carried,
    tensors: new Map<string, ReadableTensor>(
      [...tensors].map(([name, tensor]) => [
        name,
        fresh.tables.has(name) ? new GrownTable(tensor, fresh) : tensor,
      ]),
    ),
  };
}

/** A table of a file with fresh rows in it and behind it. */
class GrownTable implements ReadableTensor {
  readonly elements: number; // V * C
  readonly #file: StoredTensor;
  readonly #fresh: FreshRows;
  readonly #columns: number;
  #mean: Float32Array | null = null; // (C)

  constructor(file: StoredTensor, fresh: FreshRows) {
    this.#file = file;
    this.#fresh = fresh;
    this.#columns = file.elements / fresh.stored;
    this.elements = Math.max(fresh.stored, fresh.used + fresh.count) *
      this.#columns;
  }

  read(range?: ElementRange): Float32Array {
    const { start, count } = range ?? { start: 0, count: this.elements };
    const out = new Float32Array(count);
    this.readInto(out, start);
    return out;
  }

  readInto(out: Float32Array, start: number): void {
    const filed = this.#filed({ start, count: out.length });
    if (filed > 0) this.#file.readInto(out.subarray(0, filed), start);
    this.#overlay(out, start, () => this.#average());
  }

  readHalfInto(
    storage: "bf16" | "f16",
    out: Uint16Array,
    start: number,
  ): void {
    const filed = this.#filed({ start, count: out.length });
    if (filed > 0) {
      this.#file.readHalfInto(storage, out.subarray(0, filed), start);
    }
    const narrow = storage === "bf16" ? f32ToBf16 : f32ToF16;
    this.#overlay(out, start, () => narrow(this.#average()));
  }

  /** How many elements of a range the file has. */
  #filed({ start, count }: ElementRange): number {
    return Math.max(0, Math.min(count, this.#file.elements - start));
  }

  /** Writes the fresh rows over what a range has of them. */
  #overlay<A extends Float32Array | Uint16Array>(
    out: A,
    start: number,
    row: () => A,
  ): void {
    const C = this.#columns;
    const { used, count } = this.#fresh;
    const end = start + out.length;
    let values: A | null = null;
    for (let r = Math.max(used, Math.floor(start / C)); r < used + count; r++) {
      const from = Math.max(start, r * C);
      const to = Math.min(end, (r + 1) * C);
      if (from >= to) return;
      values ??= row();
      out.set(values.subarray(from - r * C, to - r * C), from - start);
    }
  }

  /** Mean of the rows in use, summed in double precision. */
  #average(): Float32Array {
    if (this.#mean !== null) return this.#mean;
    const C = this.#columns;
    const { used } = this.#fresh;
    const sums = new Float64Array(C);
    for (let row = 0; row < used; row += CHUNK_ROWS) {
      const rows = Math.min(CHUNK_ROWS, used - row);
      const values = this.#file.read({ start: row * C, count: rows * C });
      for (let i = 0; i < values.length; i++) sums[i % C] += values[i];
    }
    return this.#mean = Float32Array.from(sums, (sum) => sum / used);
  }
}

/**
 * What a saved model holds: its weights, under the names that files have for them, and what is carried through
 * from its folder.
 */
export function tensorsOfSaved(
  model: OpenedModel,
  weights: readonly WeightSpec[],
  tensors: readonly TensorToSave[],
): readonly TensorToWrite[] {
  const { spec } = model;
  const carried = spec.carries === undefined
    ? []
    : storedWeights(model, weights)?.carried ?? [];
  return [
    ...tensors.map((tensor) => ({
      ...tensor,
      name: spec.fileName?.(tensor.name) ?? tensor.name,
    })),
    ...carried,
  ];
}
