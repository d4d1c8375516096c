/**
 * How each weight is stored: what is trained in float32, frozen matrices as the run asks for.
 * @module
 */
import type { AttachedAdapter } from "../contracts/adapter.ts";
import type { LinearSite } from "../contracts/model.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { ModelInventory } from "./model/build_model.ts";
import {
  type DType,
  isQuantized,
  type Quantization,
  type TensorDType,
} from "../graph/dtype.ts";
import { namePattern } from "./name_pattern.ts";

/** Storage of one weight. */
export interface WeightStorage {
  /** Sizes in memory. */
  readonly shape: readonly number[];
  readonly dtype: Exclude<TensorDType, "i32" | "i8">;
  /** Whether its file has it the other way round. */
  readonly transposed: boolean;
}

/**
 * The storage of a model's weights by name. Quantised are the frozen matrices of linear layers, as (out, in), and the
 * frozen head where `headQuantization` says so, which is the token embedding too if both are tied; other embeddings,
 * norms and biases never. `byOutput`: frozen matrices of linear layers are (out, in) in any storage. Throws
 * `ConfigError` where quantisation finds nothing.
 */
export function weightStorage(
  inventory: ModelInventory,
  of: {
    readonly trained: ReadonlySet<string>;
    readonly adapter: AttachedAdapter | null;
    readonly frozenDtype: Exclude<DType, "i32" | "i8">;
    readonly quantization: Quantization | null;
    readonly quantizationPattern: Readonly<Record<string, Quantization | null>>;
    readonly headQuantization: Quantization | null;
    readonly byOutput: boolean;
  },
): ReadonlyMap<string, WeightStorage> {
  const { trained, adapter, frozenDtype } = of;
  const linear = new Map<string, LinearSite>(
    inventory.sites.flatMap((s) =>
      s.kind === "linear" ? [[`${s.site.name}.weight`, s.site] as const] : []
    ),
  );
  const heads = new Set(
    inventory.sites.flatMap((s) => s.kind === "head" ? [s.name] : []),
  );
  const quantizationOf = quantizations(of, [...linear.keys()]);
  const storage = new Map<string, WeightStorage>();
  for (const { name, shape, float32 = false } of inventory.weights) {
    const site = linear.get(name);
    const quantization = quantizationOf(name);
    const isFrozen = !trained.has(name) && adapter?.trainsBase(name) !== true;
    const head = heads.has(name) && isFrozen ? of.headQuantization : null;
    if (head !== null) {
      storage.set(name, { shape, dtype: head, transposed: false });
      continue;
    }
    const plain = trained.has(name) || shape.length < 2 || float32
      ? "f32"
      : frozenDtype;
    const isByOutput = site !== undefined && isFrozen &&
      (quantization !== null || of.byOutput);
    storage.set(name, {
      shape: isByOutput ? [site.out, site.in] : shape,
      dtype: isByOutput ? quantization ?? plain : plain,
      transposed: isByOutput && site.layout === "NN",
    });
  }
  const wanted = new Set(
    [of.quantization, ...Object.values(of.quantizationPattern)]
      .filter((q) => q !== null),
  );
  const values = [...storage.values()];
  if (wanted.size > 0 && !values.some((s) => isQuantized(s.dtype))) {
    throw new ConfigError(
      `model.quantization asks for ${
        [...wanted].join(" and ")
      }, but every linear layer it names is trained: set an adapter, freeze layers (model.freeze), or set it to null`,
    );
  }
  return storage;
}

/** The quantisation that a run asks for, by name. Throws `ConfigError` for a pattern that matches no matrix. */
function quantizations(
  { quantization, quantizationPattern }: {
    readonly quantization: Quantization | null;
    readonly quantizationPattern: Readonly<Record<string, Quantization | null>>;
  },
  names: readonly string[],
): (name: string) => Quantization | null {
  const rules = Object.entries(quantizationPattern).map(([pattern, value]) => {
    const rule = namePattern(pattern);
    if (!names.some((name) => rule(name))) {
      throw new ConfigError(
        `model.quantization_pattern: "${pattern}" matches no matrix of a linear layer; there are ${names.length}, such as ${
          names.slice(0, 8).join(", ")
        }`,
      );
    }
    return { rule, value };
  });
  return (name) => {
    const found = rules.find(({ rule }) => rule(name));
    return found === undefined ? quantization : found.value;
  };
}
