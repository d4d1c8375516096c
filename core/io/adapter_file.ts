/**
 * The tensors of a PEFT folder, held against the adapter that its `adapter_config.json` describes: names and
 * shapes are checked before the first number is read.
 * @module
 */
import { join } from "node:path";
import type { AttachedAdapter } from "../contracts/adapter.ts";
import type { WeightSpec } from "../contracts/model.ts";
import { DataError } from "../contracts/errors.ts";
import { showShape } from "../graph/dims.ts";
import { some } from "./model_folder.ts";
import { SafetensorsFile, type StoredTensor } from "./read_safetensors.ts";

/** File of an adapter's tensors. */
export const ADAPTER_FILE = "adapter_model.safetensors";
/** File of an adapter's settings. */
export const ADAPTER_CONFIG = "adapter_config.json";

/** Opens the tensors of a PEFT folder. Throws `DataError` that says what the folder lacks. */
export function openAdapterFile(folder: string): SafetensorsFile {
  const path = join(folder, ADAPTER_FILE);
  if (!exists(path) && exists(join(folder, "adapter_model.bin"))) {
    throw new DataError(
      `${folder} keeps its adapter as adapter_model.bin, which can hold programs and is not read: save it again as ${ADAPTER_FILE} (PEFT's save_pretrained does)`,
    );
  }
  return new SafetensorsFile(path);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * The stored tensors of everything that an adapter trains, by the names that its parameters and the base's
 * weights have here. Throws `DataError` that lists what is missing, not known, or of another shape: the
 * file of another base, or of another configuration.
 */
export function findAdapterTensors(
  file: SafetensorsFile,
  adapter: AttachedAdapter,
  weights: readonly WeightSpec[],
): ReadonlyMap<string, StoredTensor> {
  const wanted = [
    ...adapter.parameters.map((spec) => ({ spec, saved: spec.name })),
    ...weights.filter((w) => adapter.trainsBase(w.name))
      .map((spec) => ({ spec, saved: adapter.savedName(spec.name) })),
  ];
  const found = new Map<string, StoredTensor>();
  const known = new Set<string>();
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { spec, saved } of wanted) {
    known.add(saved);
    for (const copy of adapter.savedCopies?.(spec.name) ?? []) known.add(copy);
    const stored = file.tensors.get(saved);
    if (stored === undefined) {
      missing.push(saved);
      continue;
    }
    found.set(spec.name, stored);
    if (
      stored.shape.length !== spec.shape.length ||
      stored.shape.some((d, i) => d !== spec.shape[i])
    ) {
      misshapen.push(
        `${saved} is ${showShape(stored.shape)}, expected ${
          showShape(spec.shape)
        }`,
      );
    }
  }
  const surplus = [...file.tensors.keys()].filter((name) =>
    !known.has(name) && adapter.ignores?.(name) !== true
  );
  const wrong = [
    ...(missing.length > 0
      ? [`it lacks ${missing.length} of ${wanted.length}: ${some(missing)}`]
      : []),
    ...(misshapen.length > 0
      ? [`${misshapen.length} have another shape: ${some(misshapen)}`]
      : []),
    ...(surplus.length > 0
      ? [
        `${surplus.length} are not accounted for by ${ADAPTER_CONFIG}: ${
          some(surplus)
        }`,
      ]
      : []),
  ];
  if (wrong.length > 0) {
    throw new DataError(
      `The tensors of ${file.path} do not fit this model with the settings of its ${ADAPTER_CONFIG}: ${
        wrong.join("; ")
      }. Is it the adapter of another base?`,
    );
  }
  return found;
}
