/**
 * `huggingface`: a folder as transformers, mlx-lm and vLLM load it: safetensors, `config.json`, the tokenizer's files
 * and `generation_config.json`.
 * @module
 */
import {
  bytesOfSize,
  DataError,
  definePart,
  type ExportCopy,
  type Exporter,
  type ExportReadBack,
  type ExportRequest,
  isPlainObject,
  isSafetensorsDType,
  type Json,
  openModelFolder,
  type Part,
  type SafetensorsDType,
  type SaveDType,
  type StorageError,
  writeModelFiles,
} from "@denotune/denotune/core";
import { join } from "node:path";
import { z } from "zod";

/** Options of the exporter `huggingface`. */
export interface HuggingFaceExportOptions {
  readonly quantization: "f32" | "f16" | "bf16";
  readonly max_shard: string;
}

const DTYPES: Readonly<
  Record<
    HuggingFaceExportOptions["quantization"],
    { readonly dtype: SaveDType; readonly error: StorageError; drift: number }
  >
> = {
  f32: { dtype: "float32", error: { block: 1, relative: 0 }, drift: 1e-3 },
  // half of the distance to the next number: 11 and 8 bits of mantissa, 2^-24 the smallest float16
  f16: {
    dtype: "float16",
    error: { block: 1, relative: 2 ** -11, absolute: 2 ** -25 },
    drift: 0.02,
  },
  bf16: {
    dtype: "bfloat16",
    error: { block: 1, relative: 2 ** -8, absolute: 2 ** -133 },
    drift: 0.1,
  },
};

/** Files of the tokenizer that are read back. */
const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
];

/** The part `huggingface`. */
export const huggingface: Part<
  "exporter",
  Partial<HuggingFaceExportOptions>,
  HuggingFaceExportOptions
> = definePart({
  kind: "exporter",
  name: "huggingface",
  description:
    "A folder as transformers, mlx-lm and vLLM load it; an adapter is merged",
  options: z.strictObject({
    quantization: z.enum(["f32", "f16", "bf16"]).default("f32").describe(
      "how the weights are stored",
    ),
    max_shard: z.string().default("5GB").describe("largest weight file"),
  }),
  create: ({ quantization, max_shard }): Exporter => {
    const { dtype, error, drift } = DTYPES[quantization];
    const maxShardBytes = bytesOfSize(max_shard, "max_shard");
    return {
      writes: "model",
      drift,
      storageError: () => error,
      check: () => {},
      async write({ folder, model, text }) {
        const { spec, tensors, carried } = model;
        return await writeModelFiles(folder, {
          config: spec.config,
          floats: spec.floats,
          dtype,
          maxShardBytes,
          tensors: [
            ...tensors.map((tensor) => ({
              ...tensor,
              name: spec.fileName?.(tensor.name) ?? tensor.name,
            })),
            ...carried.map(copied),
          ],
          generationConfig: text.generation,
          files: text.files,
        });
      },
      read,
    };
  },
});

async function read(
  { folder, model }: ExportRequest,
): Promise<ExportReadBack> {
  using held = new DisposableStack();
  const opened = held.use(openModelFolder(folder));
  const { spec } = model;
  const nameOf = new Map(
    model.tensors.map(({ name }) => [spec.fileName?.(name) ?? name, name]),
  );
  const carried = new Set(model.carried.map(({ name }) => name));
  const files: Record<string, string> = {};
  for (const name of TOKENIZER_FILES) {
    const content = await textOf(join(folder, name));
    if (content !== null) files[name] = content;
  }
  const generation = jsonOf(opened.generationConfig ?? {}, folder);
  const ends = [generation.eos_token_id ?? []].flat()
    .filter((id) => typeof id === "number");
  const template = await textOf(join(folder, "chat_template.jinja")) ??
    templateIn(files["tokenizer_config.json"]);
  const owned = held.move();
  return {
    tensors: [...opened.tensors.values()]
      .filter(({ name }) => !carried.has(name))
      .map((tensor) => ({
        name: nameOf.get(tensor.name) ?? tensor.name,
        shape: tensor.shape,
        storage: tensor.dtype.toLowerCase(),
        read: (start, count) => tensor.read({ start, count }),
      })),
    config: jsonOf(opened.config, folder),
    text: { files, template, stopIds: ends, generation },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function copied(tensor: ExportCopy): ExportCopy & { dtype: SafetensorsDType } {
  const { name, shape, dtype } = tensor;
  if (!isSafetensorsDType(dtype)) {
    throw new DataError(`Cannot copy ${name}: its type ${dtype} is not known`);
  }
  return { name, shape, dtype, readBytes: (range) => tensor.readBytes(range) };
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function templateIn(config: string | undefined): string | null {
  if (config === undefined) return null;
  const parsed: unknown = JSON.parse(config);
  const found = isPlainObject(parsed) ? parsed.chat_template : null;
  return typeof found === "string" ? found : null;
}

/** Settings that were read from a JSON file. */
function jsonOf(
  value: object,
  folder: string,
): { readonly [key: string]: Json } {
  const parsed: { readonly [key: string]: Json } | null = JSON.parse(
    JSON.stringify(value),
  );
  if (parsed === null) throw new DataError(`${folder} has no settings`);
  return parsed;
}
