/**
 * What the settings beside a saved model say of the run that trained it: how the base of an adapter was stored (its
 * answers are those of that base), and its plugins.
 * @module
 */
import { join } from "node:path";
import { kindAt } from "../config/paths.ts";
import { readResolvedFile } from "../config/resolved.ts";
import type { StorageDtype } from "../config/types.ts";
import type { Quantization } from "../graph/dtype.ts";
import { isObject, readJsonObject } from "../io/json_file.ts";

/** Storage of a base's weights. */
export interface BaseStorage {
  readonly dtype: StorageDtype;
  /** Of the matrices of linear layers, instead of `dtype`. */
  readonly quantization: Quantization | null;
  /** Of some of these by pattern of their names, instead of `quantization`. */
  readonly quantizationPattern: Readonly<Record<string, Quantization | null>>;
  /** Of the head, and with it of the token embedding if both are tied; null: `dtype`, as in every training. */
  readonly headQuantization: Quantization | null;
}

/** Everything in float32. */
export const PLAIN_STORAGE: BaseStorage = {
  dtype: "float32",
  quantization: null,
  quantizationPattern: {},
  headQuantization: null,
};

/**
 * What the settings of a run say of its base: in the run's folder, or in the state of a checkpoint. Float32
 * where a folder has neither.
 */
export async function storageTrainedOn(path: string): Promise<BaseStorage> {
  const config = await savedSettings(path);
  const model = isObject(config) && isObject(config.model) ? config.model : {};
  const { dtype, quantization_pattern: pattern } = model;
  return {
    dtype: dtype === "bfloat16" || dtype === "float16" ? dtype : "float32",
    quantization: quantizationOf(model.quantization),
    quantizationPattern: Object.fromEntries(
      Object.entries(isObject(pattern) ? pattern : {})
        .map(([name, value]) => [name, quantizationOf(value)]),
    ),
    headQuantization: null,
  };
}

/** The plugins that the run named which saved a folder, as they are given to `--plugin`; none where it was no run. */
export async function pluginsTrainedWith(
  path: string,
): Promise<readonly string[]> {
  const config = await savedSettings(path);
  const plugins = isObject(config) ? config.plugins : null;
  if (!Array.isArray(plugins)) return [];
  return plugins.flatMap((plugin) =>
    isObject(plugin) && typeof plugin.use === "string" ? [plugin.use] : []
  );
}

async function savedSettings(path: string): Promise<unknown> {
  const resolved = join(path, "config.resolved.yaml");
  return await kindAt(resolved) === "file"
    ? await readResolvedFile(resolved)
    : readJsonObject(join(path, "state.json"))?.config;
}

/** The first quantisation that a storage names, or null. */
export function anyQuantization(
  { quantization, quantizationPattern }: BaseStorage,
): Quantization | null {
  return [quantization, ...Object.values(quantizationPattern)]
    .find((q) => q !== null) ?? null;
}

function quantizationOf(value: unknown): Quantization | null {
  return value === "int8" || value === "nf4" ? value : null;
}
