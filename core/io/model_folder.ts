/**
 * A model's folder as Hugging Face lays it out, for reading: `config.json`, and weights in
 * `model.safetensors`, in shards with `model.safetensors.index.json`, or in other `*.safetensors`.
 * @module
 */
import { join } from "node:path";
import { DataError } from "../contracts/errors.ts";
import { isObject, type JsonObject, readJsonObject } from "./json_file.ts";
import { SafetensorsFile, type StoredTensor } from "./read_safetensors.ts";

const INDEX = "model.safetensors.index.json";

/** An open model folder. Dispose it to close its files. */
export interface ModelFolder extends Disposable {
  /** The folder. */
  readonly path: string;
  /** `config.json`, unchecked. */
  readonly config: JsonObject;
  /** `generation_config.json`, or null where there is none. */
  readonly generationConfig: JsonObject | null;
  /** Every tensor of the weight files, by its name there. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Opens a model folder and checks the headers of its weight files. Throws `DataError`: no folder, no or
 * broken `config.json` (file:line:column), no weights, a missing shard, a broken file.
 */
export function openModelFolder(path: string): ModelFolder {
  const names = listFiles(path);
  const config = readJsonObject(join(path, "config.json"));
  if (config === null) {
    throw new DataError(
      names.includes("adapter_config.json")
        ? `${path} holds an adapter, no model: name its base model as \`model.path\``
        : `${path} has no config.json${found(names)}`,
    );
  }
  const generationConfig = readJsonObject(join(path, "generation_config.json"));
  const files = new DisposableStack();
  try {
    const tensors = names.includes("model.safetensors") ||
        !names.includes(INDEX)
      ? openAll(path, names, files)
      : openIndexed(path, names, files);
    return {
      path,
      config,
      generationConfig,
      tensors,
      [Symbol.dispose]: () => files.dispose(),
    };
  } catch (error) {
    files.dispose();
    throw error;
  }
}

function listFiles(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter((e) => !e.isDirectory)
      .map((e) => e.name).sort();
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "there is no such folder"
      : error instanceof Deno.errors.NotADirectory
      ? "it is a file; name the folder that holds config.json"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new DataError(`Cannot open the model ${path}: ${reason}`, {
      cause: error,
    });
  }
}

/** One file, or all of them where none has the usual name: no tensor may come twice. */
function openAll(
  path: string,
  names: readonly string[],
  files: DisposableStack,
): Map<string, StoredTensor> {
  const weights = names.includes("model.safetensors")
    ? ["model.safetensors"]
    // adapters, and Mistral's second copy under other tensor names
    : names.filter((n) =>
      n.endsWith(".safetensors") && !/^(adapter_|consolidated)/.test(n)
    );
  if (weights.length === 0) {
    const bin = names.find((n) =>
      /\.(bin|pth?|h5|msgpack|gguf|ckpt)$/.test(n) && !/^training_args/.test(n)
    );
    throw new DataError(
      `${path} has no weights: no *.safetensors${found(names)}${
        bin === undefined
          ? ""
          : `. ${bin} cannot be read: convert it, for example in Python: AutoModelForCausalLM.from_pretrained("${path}").save_pretrained("...")`
      }`,
    );
  }
  const tensors = new Map<string, StoredTensor>();
  for (const name of weights) {
    const file = files.use(new SafetensorsFile(join(path, name)));
    for (const [key, tensor] of file.tensors) {
      const before = tensors.get(key);
      if (before !== undefined) {
        throw new DataError(
          `Two files hold the tensor ${key}: ${before.path} and ${tensor.path}; leave only one model in the folder`,
        );
      }
      tensors.set(key, tensor);
    }
  }
  return tensors;
}

function openIndexed(
  path: string,
  names: readonly string[],
  files: DisposableStack,
): Map<string, StoredTensor> {
  const at = join(path, INDEX);
  const map = readJsonObject(at)?.weight_map;
  if (!isObject(map)) {
    throw new DataError(
      `${at} has no weight_map {"tensor": "file.safetensors"}`,
    );
  }
  const shards = new Map<string, SafetensorsFile>();
  const missing = new Set<string>();
  for (const [key, shard] of Object.entries(map)) {
    if (typeof shard !== "string" || !isPlainName(shard)) {
      throw new DataError(
        `${at}: tensor ${key} should be in ${
          JSON.stringify(shard)
        }, which is no name of a file in the same folder`,
      );
    }
    if (!names.includes(shard)) missing.add(shard);
    else if (!shards.has(shard)) {
      shards.set(shard, files.use(new SafetensorsFile(join(path, shard))));
    }
  }
  if (missing.size > 0) {
    throw new DataError(
      `${at} names ${missing.size} file(s) that are not there: ${
        some([...missing])
      }; fetch the model again`,
    );
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [key, shard] of Object.entries(map)) {
    const tensor = shards.get(String(shard))?.tensors.get(key);
    if (tensor === undefined) {
      throw new DataError(
        `${at} says that tensor ${key} is in ${shard}, but it is not`,
      );
    }
    tensors.set(key, tensor);
  }
  return tensors;
}

/** Whether a name stays in its folder. */
export function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." &&
    !/[/\\:]/.test(name) && !name.includes("\0");
}

function found(names: readonly string[]): string {
  return names.length === 0
    ? " (it holds no files)"
    : ` (it holds ${some(names)})`;
}

/** Up to ten names, and how many more there are. */
export function some(names: readonly string[]): string {
  const first = names.slice(0, 10).join(", ");
  return names.length <= 10 ? first : `${first} and ${names.length - 10} more`;
}
