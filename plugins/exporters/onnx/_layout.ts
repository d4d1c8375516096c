/**
 * The files of a model as transformers.js asks for them.
 *
 * ```text
 * config.json                with `transformers.js_config`: the storage, and which files have weights beside them
 * tokenizer.json, tokenizer_config.json with the chat template, generation_config.json
 * onnx/model.onnx            or model_fp16.onnx, model_quantized.onnx, model_q4.onnx, model_q4f16.onnx
 * onnx/model.onnx_data       where one file cannot hold it
 * ```
 *
 * @module
 */
import {
  DataError,
  type ExportRequest,
  isPlainObject,
  type Json,
  type ReadBackText,
  showConfig,
} from "@denotune/denotune/core";
import { join } from "node:path";
import type { OnnxQuantization } from "./_options.ts";

/** A JSON object. */
export type JsonFile = { readonly [key: string]: Json };

/** Folder of the graphs. */
export const GRAPHS = "onnx";

/** What transformers.js calls a storage, and the file that it asks for. */
export const STORAGES: Readonly<
  Record<OnnxQuantization, { readonly dtype: string; readonly file: string }>
> = {
  f32: { dtype: "fp32", file: "model.onnx" },
  f16: { dtype: "fp16", file: "model_fp16.onnx" },
  q8: { dtype: "q8", file: "model_quantized.onnx" },
  q4: { dtype: "q4", file: "model_q4.onnx" },
  q4f16: { dtype: "q4f16", file: "model_q4f16.onnx" },
};

/** Key of what transformers.js alone reads of a `config.json`. */
const OWN_SETTINGS = "transformers.js_config";

/** Writes all files but the graph; gives their names. */
export async function writeTexts(
  { folder, model: { spec }, text }: ExportRequest,
  { quantization, external }: {
    readonly quantization: OnnxQuantization;
    /** Files of weights beside the graph. */
    readonly external: number;
  },
): Promise<string[]> {
  const { dtype, file } = STORAGES[quantization];
  const files: Record<string, string> = {
    ...text.files,
    "config.json": showConfig({
      ...textConfig(spec.config),
      [OWN_SETTINGS]: {
        dtype,
        ...(external === 0
          ? {}
          : { use_external_data_format: { [file]: external } }),
      },
    }, spec.floats ?? []),
    "generation_config.json": show(text.generation),
  };
  // transformers.js looks for the template here alone
  if (text.template !== null) {
    files["tokenizer_config.json"] = show({
      ...parse(files["tokenizer_config.json"] ?? "{}", folder),
      chat_template: text.template,
    });
  }
  for (const [name, content] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder, name), content);
  }
  return Object.keys(files);
}

/** `config.json` as the file describes the model, whose parts that are not written are those of the request. */
export async function readConfig(
  { folder, model: { spec } }: Pick<ExportRequest, "folder" | "model">,
): Promise<JsonFile> {
  const { [OWN_SETTINGS]: _, ...config } = parse(
    await Deno.readTextFile(join(folder, "config.json")),
    folder,
  );
  return isPlainObject(spec.config.text_config)
    ? { ...spec.config, text_config: config }
    : config;
}

/** What the other files hold. */
export async function readTexts(
  { folder, text }: Pick<ExportRequest, "folder" | "text">,
): Promise<ReadBackText> {
  const files: Record<string, string> = {};
  const own = text.template === null ? [] : ["tokenizer_config.json"];
  for (const name of new Set([...Object.keys(text.files), ...own])) {
    files[name] = await Deno.readTextFile(join(folder, name));
  }
  const tokenizer = parse(files["tokenizer_config.json"] ?? "{}", folder);
  const generation = parse(
    await Deno.readTextFile(join(folder, "generation_config.json")),
    folder,
  );
  const template = tokenizer.chat_template;
  return {
    files,
    template: typeof template === "string" ? template : null,
    stopIds: [generation.eos_token_id ?? []].flat()
      .filter((id) => typeof id === "number"),
    generation,
  };
}

/** The config of the text model alone: the graph holds nothing else. */
function textConfig(config: JsonFile): JsonFile {
  const { text_config: own } = config;
  if (!isPlainObject(own)) return config;
  return parse(JSON.stringify(own), "text_config");
}

function parse(text: string, where: string): JsonFile {
  const parsed: JsonFile | null = JSON.parse(text);
  if (isPlainObject(parsed)) return parsed;
  throw new DataError(`${where} has settings that are no object`);
}

function show(value: JsonFile): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
