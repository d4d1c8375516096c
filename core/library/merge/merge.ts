/**
 * Folds an adapter into the base that it was trained on, and writes the sum as a model that everything
 * loads. The folder appears only when the model in it, read back, says what base and adapter say together.
 * @module
 */
import { basename, dirname, join, resolve } from "node:path";
import {
  createPart,
  type Creating,
  creatingWith,
} from "../../config/parts/create_part.ts";
import { kindAt } from "../../config/paths.ts";
import type { BuiltIn } from "../../contracts/built_in.ts";
import type { StorageDtype } from "../../config/types.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { tensorsOfSaved } from "../../run/open/stored_weights.ts";
import { inventoryOf } from "../../engine/model/build_model.ts";
import { openAdapterFile } from "../../io/adapter_file.ts";
import { beginFolder, commitFolder } from "../../io/atomic.ts";
import { isObject, readJsonObject } from "../../io/json_file.ts";
import { type SaveDType, writeModelFiles } from "../../io/save_model.ts";
import type { Choice } from "../../contracts/plugin.ts";
import { refuseQuantizedMerge } from "../../graph/quantize/refuse_merge.ts";
import { randomFrom } from "../../random.ts";
import { openChosen } from "../../run/open/choose_backend.ts";
import { STORAGE } from "../../run/open/plan_request.ts";
import { baseReader } from "../../run/open/open_model.ts";
import type { OpenedModel } from "../../run/open/opened_model.ts";
import { readMark } from "../../run/decoding_mark.ts";
import { generationConfig } from "../../run/saving/saved_model.ts";
import { bindAdapter, type BoundAdapter } from "../adapters.ts";
import { logitsOf } from "../logits.ts";
import { mergedDistance, refuseDistant } from "./merged_distance.ts";
import { anyQuantization, storageTrainedOn } from "../base_storage.ts";
import { mergedTensors } from "./merged_tensors.ts";
import { openBase } from "../open_base.ts";
import {
  openRegistry,
  type RegistryOptions,
} from "../../config/parts/open_registry.ts";
import { findSaved, type SavedFolder } from "../saved_folder.ts";
import { templatesOf } from "../templates.ts";

/** How an adapter is merged. */
export interface MergeOptions extends RegistryOptions {
  /** Folder that is written; default `merged` in the adapter's folder. It must not hold anything yet. */
  readonly to?: string;
  /** Storage of the merged weights (default float32). */
  readonly dtype?: SaveDType;
  /** Largest weight file in bytes (default 5e9). */
  readonly maxShardBytes?: number;
  /**
   * Largest difference of a logit that is accepted, as a share of the largest logit. Default 1e-4 for
   * float32, 1e-2 for float16, 1e-1 for bfloat16, whose rounding shows.
   */
  readonly tolerance?: number;
  /** Texts that logits are compared on; by default a few of its own. */
  readonly prompts?: readonly string[];
  /** What computes the logits: `auto` (the default), or a backend. */
  readonly backend?: Choice;
  /** Receives messages for the user. */
  readonly onNotice?: (message: string) => void;
}

/** What was merged, and how close it is. */
export interface MergeResult {
  /** The folder that was written. */
  readonly path: string;
  /** Folder of the base. */
  readonly base: string;
  /** Names of the files. */
  readonly files: readonly string[];
  /** Weights that the adapter changed, and all of them. */
  readonly changed: number;
  /** Weights of the model. */
  readonly weights: number;
  /** Largest difference of a logit between base with adapter and merged model, and the largest logit. */
  readonly largestDifference: number;
  /** The largest logit, to which the difference is held. */
  readonly largestLogit: number;
  /** Share of the largest logit up to which the difference was accepted. */
  readonly tolerance: number;
}

const TOLERANCE: Readonly<Record<SaveDType, number>> = {
  float32: 1e-4,
  float16: 1e-2,
  bfloat16: 1e-1,
};

const PROMPTS: readonly string[] = [
  "The capital of France is",
  "Write a function that adds two numbers.\n\n",
  "1 2 3 4 5 6 7 8 9 10",
  "Once there was a small green frog who",
];
/** Tokens of a prompt that are compared at most. */
const LONGEST = 64;

/** `merge` of the library. */
export async function merge(
  builtIn: BuiltIn,
  folder: string,
  options: MergeOptions = {},
): Promise<MergeResult> {
  const saved = await findSaved(folder, options.cwd);
  if (saved.notice !== null) options.onNotice?.(saved.notice);
  if (saved.adapter === null) {
    throw new ConfigError(
      `There is nothing to merge in ${saved.path}: all weights of that model are its own, without an adapter`,
    );
  }
  const to = resolve(
    options.cwd ?? Deno.cwd(),
    options.to ?? join(saved.path, "merged"),
  );
  await refuseFull(to);
  const trained = await storageTrainedOn(saved.path);
  refuseQuantizedMerge(anyQuantization(trained), saved.path);
  refuseQuantizedBase(saved);
  const registry = await openRegistry(builtIn, options);
  const hasTokenizer = async (path: string) =>
    await kindAt(join(path, "tokenizer.json")) !== null;
  const creating = creatingWith(registry, {
    modelDir: await hasTokenizer(saved.path) ? saved.path : saved.base,
    base: options.cwd,
    notice: (message) => options.onNotice?.(message),
  });
  using model = await openBase(
    { base: saved.base, adapters: [saved.path] },
    creating,
  );
  const adapter = await bindAdapter(
    { path: saved.path, config: saved.adapter.config },
    model,
    creating,
  );
  const tokenizer = await hasTokenizer(saved.path) ||
      await hasTokenizer(saved.base)
    ? await createPart("tokenizer", "huggingface", creating)
    : null;
  const rows = rowsOf(options.prompts ?? PROMPTS, tokenizer, model);
  const dtype = options.dtype ?? "float32";
  const tolerance = options.tolerance ?? TOLERANCE[dtype];

  const chosen = await openChosen(options.backend ?? "auto", creating);
  await using device = chosen.device;
  const wanted = await logitsOf(rows, {
    model,
    adapter,
    dtype: STORAGE[trained.dtype],
    device,
  });
  const temporary = beginFolder(to);
  try {
    const written = await writeMerged(temporary, {
      model: adapter.model,
      adapter,
      tokenizer,
      trained: trained.dtype,
      creating,
      options: { ...options, dtype },
    });
    using merged = await openBase({ base: temporary }, creating);
    const found = await logitsOf(rows, {
      model: merged,
      adapter: null,
      dtype: "f32",
      device,
    });
    const distance = mergedDistance(found, wanted);
    using file = openAdapterFile(saved.path);
    const { weights } = inventoryOf(adapter.model.spec, 2);
    const load = baseReader(adapter.model, weights, 0);
    refuseDistant(distance, {
      path: saved.path,
      dtype,
      tolerance,
      names: [...file.tensors.keys(), ...weights.map((w) => w.name)],
      read: (name) => file.tensors.get(name)?.read() ?? load(name),
    });
    commitFolder(temporary, to);
    return { path: to, base: saved.base, ...written, ...distance, tolerance };
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw error;
  }
}

function refuseQuantizedBase({ base }: SavedFolder): void {
  const config = readJsonObject(join(base, "config.json"));
  if (!isObject(config?.quantization_config)) return;
  throw new ConfigError(
    `Cannot merge into ${base}: its weights are stored quantised (quantization_config in its config.json); merge into the model that it was made from`,
  );
}

async function refuseFull(path: string): Promise<void> {
  if (await kindAt(path) === null) return;
  const isEmpty = await kindAt(path) === "folder" &&
    Deno.readDirSync(path)[Symbol.iterator]().next().done === true;
  if (isEmpty) return;
  throw new ConfigError(
    `Cannot merge into ${path}: there is something of that name; choose another folder, or remove it (${
      basename(dirname(path))
    }/${basename(path)})`,
  );
}

/** Ids of the texts; without a tokenizer ids drawn from the vocabulary. */
function rowsOf(
  prompts: readonly string[],
  tokenizer: Tokenizer | null,
  { spec }: OpenedModel,
): Int32Array[] {
  const most = Math.min(LONGEST, spec.maxPositions ?? LONGEST);
  const random = randomFrom(spec.vocabSize);
  const rows = prompts.map((text) =>
    tokenizer === null
      ? Int32Array.from({ length: 16 }, () => random.below(spec.vocabSize))
      : Int32Array.from(tokenizer.encode(text, { addBos: true }).ids)
  ).map((ids) => ids.subarray(0, most)).filter((ids) => ids.length > 0);
  if (rows.length > 0) return rows;
  throw new ConfigError("There is no prompt to compare logits on: give one");
}

async function writeMerged(
  folder: string,
  { model, adapter, tokenizer, trained, creating, options }: {
    model: OpenedModel;
    adapter: BoundAdapter;
    tokenizer: Tokenizer | null;
    /** Storage of the frozen matrices that were trained on. */
    trained: StorageDtype;
    creating: Creating;
    options: MergeOptions & { readonly dtype: SaveDType };
  },
): Promise<{ files: string[]; changed: number; weights: number }> {
  using file = openAdapterFile(adapter.path);
  const { weights, tensors, changed } = mergedTensors(adapter, {
    file,
    trained,
  });
  const template = tokenizer === null
    ? null
    : await templatesOf(tokenizer, model, creating);
  const files = await writeModelFiles(folder, {
    config: model.spec.config,
    floats: model.spec.floats,
    dtype: options.dtype,
    maxShardBytes: options.maxShardBytes,
    tensors: tensorsOfSaved(model, weights, tensors),
    generationConfig: tokenizer === null || template === null
      ? null
      : generationConfig({
        model,
        tokenizer,
        template: template.chat ?? template.raw,
        mark: readMark([adapter.path, model.folder?.path ?? ""])?.mark ?? null,
      }),
    files: tokenizer?.files({ chatTemplate: tokenizer.chatTemplate }),
  });
  return { files, changed: changed.size, weights: weights.length };
}
