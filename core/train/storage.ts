/**
 * How each weight is stored: what is trained in float32, frozen matrices as the run asks for.
 * @module
 */
import type { AttachedAdapter } from "../contracts/adapter.ts";
import type { LinearSite } from "../contracts/model.ts";
import { ConfigError } from "../errors.ts";
import type { ModelInventory } from "../graph/build_model.ts";
import {
  type DType,
  isQuantized,
  type Quantization,
  type TensorDType,
} from "../graph/dtype.ts";

/** Storage of one weight. */
export interface WeightStorage {
  /** Sizes as it lies in memory. */
  readonly shape: readonly number[];
  readonly dtype: Exclude<TensorDType, "i32">;
  /** Whether its file has it the other way round. */
  readonly transposed: boolean;
}

/**
 * The storage of a model's weights by name. Quantised are the frozen matrices of linear layers, as (out, in);
 * embeddings, the head, norms and biases never. Throws `ConfigError` where quantisation finds nothing.
 */
export function weightStorage(
  inventory: ModelInventory,
  of: {
    readonly trained: ReadonlySet<string>;
    readonly adapter: AttachedAdapter | null;
    readonly frozenDtype: Exclude<DType, "i32">;
    readonly quantization: Quantization | null;
  },
): ReadonlyMap<string, WeightStorage> {
  const { trained, adapter, frozenDtype, quantization } = of;
  const linear = new Map<string, LinearSite>(
    inventory.sites.flatMap((s) =>
      s.kind === "linear" ? [[`${s.site.name}.weight`, s.site] as const] : []
    ),
  );
  const storage = new Map<string, WeightStorage>();
  for (const { name, shape } of inventory.weights) {
    const site = linear.get(name);
    const quantised = quantization !== null && site !== undefined &&
      !trained.has(name) && adapter?.trainsBase(name) !== true;
    if (quantised) {
      storage.set(name, {
        shape: [site.out, site.in],
        dtype: quantization,
        transposed: site.layout === "NN",
      });
      continue;
    }
    const dtype = trained.has(name) || shape.length < 2 ? "f32" : frozenDtype;
    storage.set(name, { shape, dtype, transposed: false });
  }
  const values = [...storage.values()];
  if (quantization !== null && !values.some((s) => isQuantized(s.dtype))) {
    throw new ConfigError(
      `model.quantization is ${quantization}, but every linear layer is trained: set an adapter, freeze layers (model.freeze), or set it to null`,
    );
  }
  return storage;
}
