/**
 * Requests to export tiny models of every type, with weights made by a hash.
 * @module
 */
import type {
  Architecture,
  ExportRequest,
  ExportTensor,
  ModelSpec,
} from "@denotune/denotune/core";
import * as models from "../../../../plugins/models/mod.ts";
import { inventoryOf } from "../../../../core/engine/build_model.ts";
import { writeModelFiles } from "../../../../core/io/save_model.ts";
import { builtinActivations } from "../../../conformance/model/architectures.ts";
import { exampleExport } from "../../../conformance/exporter.ts";
import { hashedWeights } from "../../../golden/_hashed.ts";

/** Sizes that blocks of 32 fit, and do not fit. */
export const TINY = {
  model_type: "llama",
  vocab_size: 61,
  hidden_size: 64,
  intermediate_size: 72,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
};

/** The same of GPT-2, whose matrices are (in, out). */
export const TINY_GPT2 = {
  model_type: "gpt2",
  vocab_size: 61,
  n_embd: 64,
  n_layer: 2,
  n_head: 4,
  n_positions: 64,
};

const activations = await builtinActivations();

/** Every built-in architecture by the types that it reads. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  Object.values(models).flatMap((made) => {
    if (typeof made !== "function") return [];
    const architecture = made(activations);
    return architecture.modelTypes.map((type) => [type, architecture] as const);
  }),
);

/** The model of a config. */
export function describe(
  config: { readonly [key: string]: unknown },
): ModelSpec {
  const found = ARCHITECTURES.get(String(config.model_type));
  if (found === undefined) throw new RangeError(`no ${config.model_type}`);
  return found.describe(config);
}

/** Weights of a model. */
export function hashedTensors(spec: ModelSpec, key = 77): ExportTensor[] {
  const { weights } = inventoryOf(spec, 2);
  const values = hashedWeights(weights, { key, scale: 0.2 });
  return weights.map(({ name, shape }) => ({
    name,
    shape,
    read: (start, count) =>
      (values.get(name) ?? new Float32Array()).subarray(start, start + count),
  }));
}

/** A request to export a model of random weights. */
export function tinyExport(folder: string, spec: ModelSpec): ExportRequest {
  const example = exampleExport(folder, "model");
  return {
    ...example,
    model: { spec, tensors: hashedTensors(spec), carried: [] },
    text: {
      ...example.text,
      generation: { eos_token_id: [...example.text.stopIds] },
    },
  };
}

/** Saves the model of a request as transformers loads it. */
export async function saveForTransformers(
  folder: string,
  { model: { spec, tensors } }: Pick<ExportRequest, "model">,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await writeModelFiles(folder, {
    config: spec.config,
    floats: spec.floats,
    dtype: "float32",
    generationConfig: null,
    tensors: tensors.map((tensor) => ({
      ...tensor,
      name: spec.fileName?.(tensor.name) ?? tensor.name,
    })),
  });
}
