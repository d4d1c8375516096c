/**
 * Opens the base of a saved model.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Creating } from "../config/parts/create_part.ts";
import { ADAPTER_FILE, openAdapterFile } from "../io/adapter_file.ts";
import { openModelFolder } from "../io/model_folder.ts";
import { fitRows, vocabularyTables } from "../run/open/grow_vocabulary.ts";
import { describeFolder, findArchitecture } from "../run/open/open_model.ts";
import { pluginsTrainedWith } from "./base_storage.ts";
import type { OpenedModel } from "../run/open/opened_model.ts";

/**
 * A model folder with its architecture; headers only. It gets rows for the tokens that the adapters in
 * `adapters` (folders) were trained with. Throws `DataError` or `ConfigError` naming the file.
 */
export async function openBase(
  { base, adapters = [] }: {
    readonly base: string;
    readonly adapters?: readonly string[];
  },
  creating: Creating,
): Promise<OpenedModel> {
  const model = await openFolder({ base, adapters }, creating);
  try {
    return fitRows(
      model,
      Math.max(0, ...adapters.map((f) => rowsIn(f, model))),
    );
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

/** Rows of the vocabulary's tables in an adapter's file; 0 where it has none. What it lacks is said later. */
function rowsIn(adapter: string, model: OpenedModel): number {
  if (!existsSync(join(adapter, ADAPTER_FILE))) return 0;
  using file = openAdapterFile(adapter);
  const prefix = "base_model.model.";
  const whole = [...file.tensors.keys()].filter((n) => !n.includes(".lora_"));
  if (whole.length === 0) return 0;
  return [...vocabularyTables(model)].reduce(
    (rows, name) =>
      Math.max(rows, file.tensors.get(prefix + name)?.shape[0] ?? 0),
    0,
  );
}

async function openFolder(
  saved: { readonly base: string; readonly adapters: readonly string[] },
  creating: Creating,
): Promise<OpenedModel> {
  const folder = openModelFolder(saved.base);
  try {
    const architecture = await findArchitecture(
      folder.config.model_type,
      creating,
      join(saved.base, "config.json"),
      async () => {
        const folders = [saved.base, ...saved.adapters];
        const named = await Promise.all(folders.map(pluginsTrainedWith));
        return [...new Set(named.flat())];
      },
    );
    return {
      spec: describeFolder(folder, architecture),
      architecture,
      fresh: null,
      folder,
      name: saved.base,
      hub: null,
      [Symbol.dispose]: () => folder[Symbol.dispose](),
    };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}
