/**
 * A saved model as exporters get it.
 * @module
 */
import { basename, dirname, resolve } from "node:path";
import { createPart } from "../../config/parts/create_part.ts";
import type { Choice } from "../../contracts/plugin.ts";
import type { Registry } from "../../contracts/registry.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type {
  Exporter,
  ExportRequest,
  ExportTensor,
} from "../../contracts/exporter.ts";
import type { Json } from "../../contracts/json.ts";
import type { Template } from "../../contracts/template.ts";
import { stopIds } from "../../engine/generate/answer.ts";
import { refuseQuantizedMerge } from "../../graph/quantize/refuse_merge.ts";
import { openAdapterFile } from "../../io/adapter_file.ts";
import type { SafetensorsFile } from "../../io/read_safetensors.ts";
import { readMark } from "../../run/decoding_mark.ts";
import { storedWeights } from "../../run/open/stored_weights.ts";
import { generationConfig } from "../../run/saving/saved_model.ts";
import { bindAdapter, type BoundAdapter } from "../adapters.ts";
import {
  anyQuantization,
  type BaseStorage,
  PLAIN_STORAGE,
  storageTrainedOn,
} from "../base_storage.ts";
import { mergedTensors, tensorsOfModel } from "../merge/merged_tensors.ts";
import { type OpenedSaved, openSaved } from "../open_saved.ts";
import type { SavedFolder } from "../saved_folder.ts";
import { templatesOf } from "../templates.ts";
import { resolvedOf } from "./trained_prompts.ts";

/** A saved model that is open for export. Dispose of it to close its files. */
export interface OpenedExport extends Disposable {
  readonly opened: OpenedSaved;
  readonly exporter: Exporter;
  readonly request: Omit<ExportRequest, "folder">;
  /** The adapter that was trained, bound to its model; null: all weights were. */
  readonly adapter: BoundAdapter | null;
  /** How the base was stored in training. */
  readonly storage: BaseStorage;
  /** Writes prompts as the saved model does. */
  readonly template: Template;
}

/** Opens a saved model for an exporter. Throws `ConfigError` where the two do not fit. */
export async function openExport(
  saved: SavedFolder,
  { registry, exporter: choice, base, notice, signal }: {
    readonly registry: Registry;
    readonly exporter: Choice;
    /** Folder that paths start from. */
    readonly base: string;
    readonly notice: (message: string) => void;
    readonly signal?: AbortSignal;
  },
): Promise<OpenedExport> {
  using held = new DisposableStack();
  const opened = held.use(await openSaved(saved, { registry, base, notice }));
  const { tokenizer, creating } = opened;
  const exporter = await createPart("exporter", choice, creating);
  const adapter = saved.adapter === null ? null : await bindAdapter(
    { path: saved.path, config: saved.adapter.config },
    opened.model,
    creating,
  );
  if (exporter.writes === "adapter" && adapter === null) {
    throw new ConfigError(
      `There is no adapter in ${saved.path}: all weights of that model are its own; choose an exporter of whole models`,
    );
  }
  const storage = adapter === null
    ? PLAIN_STORAGE
    : await storageTrainedOn(saved.path);
  const model = adapter?.model ?? opened.model;
  const templates = await templatesOf(tokenizer, model, creating);
  const template = templates.chat ?? templates.raw;
  const guarded = (tensors: readonly ExportTensor[]) =>
    tensors.map((tensor): ExportTensor => ({
      name: tensor.name,
      shape: tensor.shape,
      read: (start, count) => {
        signal?.throwIfAborted();
        return tensor.read(start, count);
      },
    }));
  let tensors: readonly ExportTensor[];
  let file: SafetensorsFile | null = null;
  if (adapter === null) tensors = tensorsOfModel(model).tensors;
  else {
    file = held.use(openAdapterFile(saved.path));
    if (exporter.writes === "adapter") tensors = tensorsOfModel(model).tensors;
    else {
      refuseQuantizedMerge(anyQuantization(storage), saved.path);
      tensors =
        mergedTensors(adapter, { file, trained: storage.dtype }).tensors;
    }
  }
  const carried = model.spec.carries === undefined
    ? []
    : storedWeights(model, tensorsOfModel(model).weights)?.carried ?? [];
  const mark = readMark([saved.path, model.folder?.path ?? ""])?.mark ?? null;
  const request: Omit<ExportRequest, "folder"> = {
    name: await nameOf(saved.path),
    model: { spec: model.spec, tensors: guarded(tensors), carried },
    adapter: exporter.writes === "model" || adapter === null || file === null
      ? null
      : {
        config: jsonOf(saved.adapter?.config),
        attached: adapter.attached,
        tensors: guarded(
          [...file.tensors.values()].map((t) => ({
            name: t.name,
            shape: t.shape,
            read: (start, count) => t.read({ start, count }),
          })),
        ),
      },
    text: {
      tokenizer,
      files: tokenizer.files({ chatTemplate: tokenizer.chatTemplate }),
      template: tokenizer.chatTemplate,
      stopIds: stopIds(tokenizer, template),
      generation: generationConfig({ model, tokenizer, template, mark }),
    },
    signal,
  };
  const owned = held.move();
  return {
    opened,
    exporter,
    request,
    adapter,
    storage,
    template,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** The name of a run: of its folder, also for a checkpoint in it. */
async function nameOf(path: string): Promise<string> {
  const file = await resolvedOf(path);
  return basename(file === null ? resolve(path) : dirname(file));
}

/** Settings that were read from a JSON file. */
function jsonOf(value: unknown): { readonly [key: string]: Json } {
  const parsed: { readonly [key: string]: Json } = JSON.parse(
    JSON.stringify(value ?? {}),
  );
  return parsed;
}
