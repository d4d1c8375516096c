/**
 * The weights of a saved model with its adapter folded in, read in pieces: of the weights that the adapter changes
 * one at a time is in memory, of the others what is asked for.
 * @module
 */
import type { TensorReader } from "../../contracts/adapter.ts";
import type { WeightSpec } from "../../contracts/model.ts";
import type { StorageDtype } from "../../config/types.ts";
import { inventoryOf } from "../../engine/model/build_model.ts";
import { findAdapterTensors } from "../../io/adapter_file.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../io/half.ts";
import type { SafetensorsFile } from "../../io/read_safetensors.ts";
import type { TensorToSave } from "../../io/write_safetensors.ts";
import { baseReader } from "../../run/open/open_model.ts";
import type { OpenedModel } from "../../run/open/opened_model.ts";
import { storedWeights } from "../../run/open/stored_weights.ts";
import type { BoundAdapter } from "../adapters.ts";

/** Weights in the order of the model. */
export interface MergedTensors {
  readonly weights: readonly WeightSpec[];
  readonly tensors: readonly TensorToSave[];
  /** Names of the weights that the adapter changed, as far as they were read. */
  readonly changed: ReadonlySet<string>;
}

/** The weights of a model as its folder holds them. Its files must stay open. */
export function tensorsOfModel(model: OpenedModel): MergedTensors {
  const { weights } = inventoryOf(model.spec, 2);
  const load = weightReader(model, weights);
  return {
    weights,
    tensors: weights.map(({ name, shape }) => ({
      name,
      shape,
      read: (start, count) => load(name, { start, count }),
    })),
    changed: new Set(),
  };
}

/** The weights with an adapter folded in. `file` and the model's files must stay open. */
export function mergedTensors(
  { model, attached }: BoundAdapter,
  { file, trained }: {
    /** The adapter's tensors. */
    readonly file: SafetensorsFile;
    /** Storage of the frozen matrices that were trained on. */
    readonly trained: StorageDtype;
  },
): MergedTensors {
  const { weights } = inventoryOf(model.spec, 2);
  const own = findAdapterTensors(file, attached, weights);
  const load = weightReader(model, weights);
  const matrices = new Set(
    weights.filter((w) => w.shape.length > 1).map((w) => w.name),
  );
  const base = (name: string, range?: { start: number; count: number }) => {
    const values = load(name, range);
    return matrices.has(name) ? asTrained(values, trained) : values;
  };
  const read: TensorReader = (name) => own.get(name)?.read() ?? base(name);
  const changed = new Set<string>();
  let held: { readonly name: string; readonly data: Float32Array } | null =
    null;
  return {
    weights,
    changed,
    tensors: weights.map(({ name, shape }) => {
      const size = shape.reduce((a, b) => a * b, 1);
      let isBase = false;
      return {
        name,
        shape,
        read(start, count) {
          const stored = own.get(name);
          if (stored !== undefined) {
            changed.add(name);
            return stored.read({ start, count });
          }
          if (!isBase && held?.name !== name) {
            held = null; // before the next is made
            const data = attached.merged(name, read);
            if (data === null) isBase = true;
            else {
              changed.add(name);
              held = { name, data };
            }
          }
          if (held?.name !== name) return base(name, { start, count });
          const chunk = held.data.subarray(start, start + count);
          if (start + count >= size) held = null;
          return chunk;
        },
      };
    }),
  };
}

/** Reads weights of a folder, whole or by range; those that it lacks start as the model says. */
function weightReader(
  model: OpenedModel,
  weights: readonly WeightSpec[],
): (name: string, range?: { start: number; count: number }) => Float32Array {
  const found = storedWeights(model, weights)?.tensors;
  const whole = baseReader(model, weights, 0);
  return (name, range) => {
    const stored = found?.get(name);
    if (range === undefined || stored === undefined) {
      const values = whole(name);
      return range === undefined
        ? values
        : values.subarray(range.start, range.start + range.count);
    }
    return stored.read(range);
  };
}

/** Numbers as a run kept them: rounded to 16 bits and back. */
function asTrained(values: Float32Array, dtype: StorageDtype): Float32Array {
  if (dtype === "bfloat16") return bf16ToF32(f32ToBf16(values));
  return dtype === "float16" ? f16ToF32(f32ToF16(values)) : values;
}
