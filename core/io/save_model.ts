/**
 * Writes a model's folder as transformers reads it.
 * @module
 */
import { join } from "node:path";
import type { Json } from "../contracts/json.ts";
import {
  beginFolder,
  commitFolder,
  temporaryBeside,
  userError,
} from "./atomic.ts";
import { showJson } from "./json_file.ts";
import { isPlainName } from "./model_folder.ts";
import type { WeightDType } from "./safetensors_header.ts";
import { type TensorToWrite, writeShards } from "./write_safetensors.ts";

/** Storage of saved weights, by torch's names. */
export type SaveDType = "float32" | "bfloat16" | "float16";

const DTYPES: { readonly [K in SaveDType]: WeightDType } = {
  float32: "F32",
  bfloat16: "BF16",
  float16: "F16",
};

/** What is saved. */
export interface ModelToSave {
  /** `ModelSpec.config`; its `dtype` is set here. */
  readonly config: { readonly [key: string]: Json };
  /** `ModelSpec.floats`. */
  readonly floats?: readonly string[];
  /** All weights, under the names of `WeightSpec`; a tied head is not among them. */
  readonly tensors: readonly TensorToWrite[];
  /** Storage of the weights in the file. */
  readonly dtype: SaveDType;
  /** `generation_config.json`. */
  readonly generationConfig?: { readonly [key: string]: Json } | null;
  /** Other files by name, such as the tokenizer's. */
  readonly files?: { readonly [name: string]: string | Uint8Array };
  /** Largest weight file; default 5e9 bytes. */
  readonly maxShardBytes?: number;
}

/**
 * Writes a model folder: complete under `path`, or not there. An older folder of that name is replaced.
 * Throws `ConfigError` for a path that cannot be written, `DeviceError` for a full disk, `DataError` for
 * numbers that the type cannot hold.
 */
export async function saveModelFolder(
  path: string,
  model: ModelToSave,
): Promise<void> {
  const folder = beginFolder(path);
  try {
    await writeModelFiles(folder, model);
    commitFolder(folder, path);
  } catch (error) {
    await Deno.remove(temporaryBeside(path), { recursive: true })
      .catch(() => {});
    throw error;
  }
}

/** Writes a model's files into a folder that is being prepared (`beginFolder`). Returns their names. */
export async function writeModelFiles(
  folder: string,
  model: ModelToSave,
): Promise<string[]> {
  const { config, generationConfig, files = {}, dtype } = model;
  const { dtype: _, torch_dtype: __, ...rest } = config;
  const texts: Record<string, string | Uint8Array> = {
    ...files,
    // transformers before 4.56 knows only the second
    "config.json": showConfig(
      { ...rest, dtype, torch_dtype: dtype },
      model.floats ?? [],
    ),
  };
  if (generationConfig != null) {
    texts["generation_config.json"] = showJson(generationConfig);
  }
  for (const [name, content] of Object.entries(texts)) {
    if (!isPlainName(name)) {
      throw new RangeError(`Cannot save a file under the name ${name}`);
    }
    const path = join(folder, name);
    try {
      if (typeof content === "string") await Deno.writeTextFile(path, content);
      else await Deno.writeFile(path, content);
    } catch (error) {
      throw userError(`write ${path}`, error);
    }
  }
  const weights = await writeShards(folder, model.tensors, {
    dtype: DTYPES[dtype],
    maxShardBytes: model.maxShardBytes,
  });
  return [...Object.keys(texts), ...weights];
}

/** A `config.json`, a key a line, with a decimal point in the numbers of the keys `floats`. */
export function showConfig(
  config: ModelToSave["config"],
  floats: readonly string[],
): string {
  return floats.reduce(
    (text, key) =>
      text.replace(
        new RegExp(`^(\\s*"${key}": -?\\d+)(,?)$`, "gm"),
        "$1.0$2",
      ),
    showJson(config),
  );
}
