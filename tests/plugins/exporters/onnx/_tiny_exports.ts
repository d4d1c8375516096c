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
import { makePart } from "@denotune/denotune/testing";
import { lora } from "../../../../plugins/adapters/lora.ts";
import { gptNeoxWith } from "../../../../examples/gpt_neox_model/gpt_neox.ts";
import { hybridArchitecture } from "../../../../examples/hybrid_model/hybrid.ts";
import * as models from "../../../../plugins/models/mod.ts";
import { inventoryOf } from "../../../../core/engine/model/build_model.ts";
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

/** Every built-in architecture, and those of example plugins, by the types that it reads. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  [
    ...Object.values(models).flatMap((made) =>
      typeof made === "function" ? [made(activations)] : []
    ),
    gptNeoxWith(activations),
    hybridArchitecture,
  ].flatMap((architecture) =>
    architecture.modelTypes.map((type) => [type, architecture] as const)
  ),
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

/** A request to export an adapter of random numbers for such a model. */
export async function tinyAdapterExport(
  folder: string,
  spec: ModelSpec,
  options: Readonly<Record<string, unknown>> = {},
): Promise<ExportRequest> {
  const request = tinyExport(folder, spec);
  const adapter = await makePart({ parts: [lora] }, "adapter", {
    r: 4,
    lora_alpha: 6,
    ...options,
  });
  const attached = adapter.attach({ spec, ...inventoryOf(spec, 2) });
  const trained = inventoryOf(spec, 2).weights
    .filter(({ name }) => attached.trainsBase(name))
    .map((w) => ({ ...w, name: attached.savedName(w.name) }));
  const values = hashedWeights([...attached.parameters, ...trained], {
    key: 5,
    scale: 0.2,
  });
  return {
    ...request,
    adapter: {
      config: attached.config({ path: null, revision: null }),
      attached,
      tensors: [...values].map(([name, all]) => ({
        name,
        shape: [...attached.parameters, ...trained]
          .find((p) => p.name === name)?.shape ?? [],
        read: (start, count) => all.subarray(start, start + count),
      })),
    },
  };
}

/** The same with the adapter folded into its base. */
export async function merged(request: ExportRequest): Promise<ExportRequest> {
  const { model, adapter } = request;
  if (adapter === null) return request;
  const { attached } = adapter;
  const values = new Map<string, Float32Array>();
  for (const { name, shape, read } of [...model.tensors, ...adapter.tensors]) {
    values.set(name, await read(0, shape.reduce((a, b) => a * b, 1)));
  }
  const tensors = model.tensors.map(({ name, shape }): ExportTensor => {
    const own = values.get(attached.savedName(name)) ??
      attached.merged(name, (n) => values.get(n) ?? new Float32Array()) ??
      values.get(name) ?? new Float32Array();
    return {
      name,
      shape,
      read: (start, count) => own.subarray(start, start + count),
    };
  });
  return { ...request, model: { ...model, tensors }, adapter: null };
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
