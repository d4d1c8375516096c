/**
 * A trained model as files: a Hugging Face folder, or a PEFT folder for an adapter. The same writer serves
 * checkpoints (always float32) and the end of a run.
 * @module
 */
import { join } from "node:path";
import type { AttachedAdapter } from "../../contracts/adapter.ts";
import type { WeightSpec } from "../../contracts/model.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../contracts/errors.ts";
import { stopIds } from "../../engine/generate/answer.ts";
import { ADAPTER_CONFIG, ADAPTER_FILE } from "../../io/adapter_file.ts";
import { writeFileAtomic } from "../../io/atomic.ts";
import { showJson } from "../../io/json_file.ts";
import { release } from "../../io/release.ts";
import { elementsOf, showShape } from "../../graph/dims.ts";
import type { TensorDType } from "../../graph/dtype.ts";
import { f32ToBf16, f32ToF16 } from "../../io/half.ts";
import type {
  SafetensorsFile,
  StoredTensor,
} from "../../io/read_safetensors.ts";
import { type SaveDType, writeModelFiles } from "../../io/save_model.ts";
import { writeSafetensors } from "../../io/write_safetensors.ts";
import type { Json } from "../../contracts/json.ts";
import { OBJECTIVE_KEY } from "../decoding_mark.ts";
import type { Engine } from "../../engine/engine.ts";
import { finiteTensor } from "../../engine/finite_tensor.ts";
import type { OpenedModel } from "../open/opened_model.ts";
import { tensorsOfSaved } from "../open/stored_weights.ts";

/** What is written. */
export interface SaveRequest {
  readonly engine: Engine;
  readonly model: OpenedModel;
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  readonly dtype: SaveDType;
  /** Mark of a model that is not decoded token by token; null: it is. */
  readonly mark: Json | null;
  /** What `adapter_config.json` names as its base. */
  readonly base: {
    readonly path: string | null;
    readonly revision: string | null;
  };
}

/** The adapter that is saved in the place of a model, or null. */
export function savedAdapter(engine: Engine): AttachedAdapter | null {
  const { adapter } = engine.planned.request;
  return adapter?.savesModel === true ? null : adapter;
}

/** Writes the trained model into an existing folder. Returns the names of the files. */
export async function writeTrained(
  folder: string,
  request: SaveRequest,
): Promise<string[]> {
  const { engine, tokenizer, template } = request;
  const adapter = savedAdapter(engine);
  const files = tokenizer.files({
    chatTemplate: template.jinja ?? tokenizer.chatTemplate,
  });
  if (adapter !== null) {
    return await writeAdapter(folder, adapter, { ...request, files });
  }
  const { weights } = engine.planned.inventory;
  return await writeModelFiles(folder, {
    config: savedConfig(request),
    floats: request.model.spec.floats,
    tensors: tensorsOfSaved(
      request.model,
      weights,
      weights.map((w) => finiteTensor(engine, { ...w, variable: w.name })),
    ),
    dtype: request.dtype,
    generationConfig: generationConfig(request),
    files,
  });
}

/**
 * Writes the base of an adapter, for runs whose base was made from random weights. The arrays that `read`
 * gives are used up.
 */
export async function writeBase(
  folder: string,
  request: Omit<SaveRequest, "base">,
  read: (name: string) => Float32Array,
): Promise<void> {
  const { engine, tokenizer, template } = request;
  let held: { name: string; data: Float32Array } = {
    name: "",
    data: new Float32Array(0),
  };
  await writeModelFiles(folder, {
    config: savedConfig(request),
    floats: request.model.spec.floats,
    tensors: engine.planned.inventory.weights.map(({ name, shape }) => ({
      name,
      shape,
      read(start, count) {
        if (held.name !== name) {
          // one weight at a time, given back at once: garbage of this size would wait long
          release(held.data);
          held = { name, data: read(name) };
        }
        return held.data.subarray(start, start + count);
      },
    })),
    dtype: request.dtype,
    generationConfig: generationConfig(request),
    files: tokenizer.files({
      chatTemplate: template.jinja ?? tokenizer.chatTemplate,
    }),
  });
}

async function writeAdapter(
  folder: string,
  adapter: AttachedAdapter,
  request: SaveRequest & { files: Record<string, string> },
): Promise<string[]> {
  const { engine, files, base, dtype } = request;
  const tensors = savedTensors(engine).flatMap(({ saved, spec }) =>
    [saved, ...adapter.savedCopies?.(spec.name) ?? []].map((name) =>
      finiteTensor(engine, {
        name,
        variable: spec.name,
        shape: spec.shape,
      })
    )
  );
  const texts = {
    ...files,
    [ADAPTER_CONFIG]: showJson(adapter.config(base)),
    ...(request.mark === null && !isMarked(request.model)
      ? {}
      : { "generation_config.json": showJson(generationConfig(request)) }),
  };
  for (const [name, content] of Object.entries(texts)) {
    writeFileAtomic(join(folder, name), content);
  }
  await writeSafetensors(join(folder, ADAPTER_FILE), tensors, {
    dtype: dtype === "float32" ? "F32" : dtype === "bfloat16" ? "BF16" : "F16",
  });
  return [...Object.keys(texts), ADAPTER_FILE];
}

/** Whether a base says that it is not decoded token by token: then its adapter says what holds with it. */
function isMarked({ folder }: OpenedModel): boolean {
  return folder?.generationConfig?.[OBJECTIVE_KEY] !== undefined;
}

/** Trained tensors and the names under which files hold them. */
export function savedTensors(
  engine: Engine,
): { readonly saved: string; readonly spec: WeightSpec }[] {
  const adapter = savedAdapter(engine);
  const own = new Set(adapter?.parameters.map((p) => p.name) ?? []);
  return (engine.planned.trainables?.tensors ?? []).map((spec) => ({
    saved: adapter === null
      ? engine.planned.request.spec.fileName?.(spec.name) ?? spec.name
      : own.has(spec.name)
      ? spec.name
      : adapter.savedName(spec.name),
    spec,
  }));
}

/** Reads trained tensors back from a folder that {@linkcode writeTrained} wrote in float32. */
export function readTrained(engine: Engine, file: SafetensorsFile): void {
  for (const { saved, spec } of savedTensors(engine)) {
    readInto(engine, { file, name: saved, variable: spec.name });
  }
}

/** Copies a stored tensor to a variable, in chunks. */
export function readInto(
  engine: Engine,
  { file, name, variable }: {
    file: SafetensorsFile;
    name: string;
    variable: string;
  },
): void {
  const stored = file.tensors.get(name);
  if (stored === undefined) {
    throw new DataError(`${file.path} has no tensor ${name}`);
  }
  writeStored(engine, { stored, variable });
}

/** Writes a stored tensor to a variable, in chunks. Throws `DataError` where it has another size. */
export function writeStored(
  engine: Engine,
  { stored, variable }: { stored: StoredTensor; variable: string },
): void {
  const place = engine.session.memory.variables.get(variable);
  if (place === undefined || stored.elements !== elementsOf(place.shape, {})) {
    throw new DataError(
      `${stored.name} in ${stored.path} has shape ${
        showShape(stored.shape)
      }; the model needs ${showShape(place?.shape ?? [])}`,
    );
  }
  const chunk = 1 << 22;
  for (let start = 0; start < stored.elements; start += chunk) {
    const count = Math.min(chunk, stored.elements - start);
    const values = stored.read({ start, count });
    const data = narrowed(values, place.dtype);
    if (data !== values) release(values);
    engine.session.write(variable, data, start, true);
  }
}

/** `config.json`; a model that was made from its config is given the special ids of its tokenizer. */
function savedConfig(
  { engine, model, tokenizer }: Pick<
    SaveRequest,
    "engine" | "model" | "tokenizer"
  >,
) {
  const { config } = engine.planned.request.spec;
  if (model.folder !== null) return config;
  const { bos, eos, pad } = tokenizer.specialIds;
  return { ...config, bos_token_id: bos, eos_token_id: eos, pad_token_id: pad };
}

/** `generation_config.json`: what came with the model, with every id at which an answer ends. */
export function generationConfig(
  { model, tokenizer, template, mark }: Pick<
    SaveRequest,
    "model" | "tokenizer" | "template" | "mark"
  >,
): Record<string, Json> {
  const ends = stopIds(tokenizer, template);
  const { bos, pad } = tokenizer.specialIds;
  const config: Record<string, Json> = {
    ...(model.folder?.generationConfig as Record<string, Json> | null ?? {}),
  };
  if (bos !== null) config.bos_token_id ??= bos;
  if (pad !== null) config.pad_token_id ??= pad;
  if (ends.length > 0) config.eos_token_id = ends.length === 1 ? ends[0] : ends;
  delete config[OBJECTIVE_KEY]; // the model may have been trained on
  if (mark !== null) config[OBJECTIVE_KEY] = mark;
  return config;
}

/** Values as a variable stores them: states of optimizers may be kept in 16 or 8 bits. */
export function narrowed(
  values: Float32Array,
  dtype: TensorDType,
): Float32Array | Uint16Array | Int8Array {
  if (dtype === "i8") return Int8Array.from(values);
  if (dtype === "bf16") return f32ToBf16(values);
  return dtype === "f16" ? f32ToF16(values) : values;
}
