/**
 * How many positions a model has, as far as that is known without a download.
 * @module
 */
import { join, resolve } from "node:path";
import {
  environmentVariable,
  findInHubCache,
  hubCacheFolder,
  isDenotuneError,
  isHubId,
  isPlainObject,
  kindAt,
  readJsonObject,
} from "@denotune/denotune/core";

/** Names of the limit in the configs of model families. */
const KEYS = [
  "max_position_embeddings",
  "n_positions",
  "max_sequence_length",
  "seq_length",
];

/** The position limit in the model's `config.json`: of a folder, or of a Hub id that is in the cache. Else null. */
export async function positionLimit(model: string): Promise<number | null> {
  const folder = await modelFolder(model);
  if (folder === null) return null;
  let config: unknown;
  try {
    config = readJsonObject(join(folder, "config.json"));
  } catch (error) {
    if (!isDenotuneError(error)) throw error;
    return null; // `check` names what is wrong with the model
  }
  if (!isPlainObject(config)) return null;
  // models of text and images keep the language model's config apart
  const inner = isPlainObject(config.text_config) ? config.text_config : {};
  for (const key of KEYS) {
    const limit = config[key] ?? inner[key];
    if (typeof limit === "number" && Number.isInteger(limit) && limit > 0) {
      return limit;
    }
  }
  return null;
}

/** A model's folder: as named, or of a Hub id in the cache; null where neither is there. */
export async function modelFolder(model: string): Promise<string | null> {
  const path = resolve(model);
  if (await kindAt(path) === "folder") return path;
  if (!isHubId(model)) return null;
  const found = await findInHubCache(model, {
    kind: "model",
    revision: "main",
    cacheDir: hubCacheFolder(environmentVariable),
  });
  return found?.folder ?? null;
}
