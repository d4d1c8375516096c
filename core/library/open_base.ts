/**
 * Opens the base of a saved model.
 * @module
 */
import { join } from "node:path";
import type { Creating } from "../config/create_part.ts";
import { openModelFolder } from "../io/model_folder.ts";
import { findArchitecture, type OpenedModel } from "../train/open_model.ts";

/** A model folder with its architecture; headers only. Throws `DataError` or `ConfigError` naming the file. */
export async function openBase(
  saved: { readonly base: string },
  creating: Creating,
): Promise<OpenedModel> {
  const folder = openModelFolder(saved.base);
  try {
    const architecture = await findArchitecture(
      folder.config.model_type,
      creating,
      join(saved.base, "config.json"),
    );
    return {
      spec: architecture.describe(folder.config),
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
