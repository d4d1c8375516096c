/**
 * The schema of the key `model`.
 * @module
 */
import { z } from "zod";
import { QUANTIZATIONS } from "../../graph/dtype.ts";
import type { Json } from "../../contracts/json.ts";
import { isPlainObject } from "../parse/tree.ts";
import type { ModelConfig, ModelInput, StorageDtype } from "../types.ts";

const DTYPES: readonly StorageDtype[] = ["float32", "bfloat16", "float16"];

/** The schema of `model`. That exactly one of `path` and `from_config` is given is a rule of `rules.ts`. */
export function modelSchema(): z.ZodType<ModelConfig, ModelInput> {
  return z.strictObject({
    path: z.string().min(1).nullable().default(null).describe(
      "Folder of the model, or its Hub id, `owner/name` or a bare name such as `gpt2`; the architecture comes from its config.json.",
    ),
    revision: z.string().min(1).default("main").describe(
      "Branch, tag or commit, where `path` is a Hub id.",
    ),
    dtype: z.enum(DTYPES).default("float32").describe(
      "Storage of frozen weights; anything but float32 needs an adapter. Arithmetic is in float32.",
    ),
    quantization: z.enum(QUANTIZATIONS).nullable().default(null).describe(
      "Storage of the frozen matrices of linear layers, instead of `dtype`: int8 (a scale for each output) or nf4 (QLoRA's 4 bits, double quantisation included); needs an adapter or `freeze`. Embeddings, head and norms stay as `dtype` says. null: off.",
    ),
    quantization_pattern: z.record(
      z.string().min(1),
      z.enum(QUANTIZATIONS).nullable(),
    ).default({}).describe(
      'Storage of some of these matrices by name, instead of `quantization`; `*` matches anything, the first pattern that matches counts, null is `dtype`: `{"*.v_proj.weight": int8, "model.layers.0.*": null}`.',
    ),
    save_dtype: z.enum(DTYPES).default("float32").describe(
      "Storage of the weights that are saved.",
    ),
    dropout: z.union([z.literal("config"), z.number().min(0).lt(1)]).default(0)
      .describe(
        "Dropout of the model's own in training, where its architecture has it (GPT-2: embeddings, attention, residual; Llama-like: attention): a share, or `config` for those of its config.json (GPT-2's are 0.1). 0: none.",
      ),
    freeze: z.array(z.string().min(1)).default([]).describe(
      "Weights that are not trained, by name; `*` matches anything: `model.layers.0.*`.",
    ),
    from_config: z.record(
      z.string(),
      z.custom<Json>(isJson, { error: "expected a value that JSON can hold" }),
    )
      .nullable().default(null).describe(
        "Contents of a Hugging Face config.json: random weights, instead of `path`.",
      ),
  }).describe(
    "The model to train: `path`, or `from_config` for random weights.",
  );
}

function isJson(value: unknown): value is Json {
  if (
    value === null || typeof value === "string" || typeof value === "boolean"
  ) return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return isPlainObject(value) && Object.values(value).every(isJson);
}
