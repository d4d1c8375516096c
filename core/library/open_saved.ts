/**
 * A saved model up to where a device is needed: its files, how it writes, its tokenizer.
 * @module
 */
import { join } from "node:path";
import {
  beside,
  createPart,
  type Creating,
  creatingWith,
} from "../config/parts/create_part.ts";
import { kindAt } from "../config/paths.ts";
import { ConfigError, DataError } from "../contracts/errors.ts";
import type { Registry } from "../contracts/registry.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import { type SavedDecoding, savedDecoding } from "../run/decoding_mark.ts";
import type { OpenedModel } from "../run/open/opened_model.ts";
import {
  anyQuantization,
  type BaseStorage,
  PLAIN_STORAGE,
  storageTrainedOn,
} from "./base_storage.ts";
import type { LoadModelOptions } from "./load_options.ts";
import { openBase } from "./open_base.ts";
import type { SavedFolder } from "./saved_folder.ts";

/** A saved model whose files are open. Dispose of it to close them. */
export interface OpenedSaved extends Disposable {
  readonly saved: SavedFolder;
  /** The base, with rows for the tokens that its adapters were trained with. */
  readonly model: OpenedModel;
  readonly decoding: SavedDecoding;
  readonly tokenizer: Tokenizer;
  /** What parts are made with: they know the model and the tokenizer. */
  readonly creating: Creating;
}

/** How a saved model is opened. */
export interface OpenSavedOptions {
  readonly registry: Registry;
  /** Folders of other adapters for it. */
  readonly adapters?: readonly string[];
  /** Folder that paths start from. */
  readonly base: string;
  readonly seed?: number;
  /** Options in the place of those that the folder has for decoding. */
  readonly decoding?: LoadModelOptions["decoding"];
  notice(message: string): void;
}

/** Opens a saved model. Throws `DataError` or `ConfigError` that name the file. */
export async function openSaved(
  saved: SavedFolder,
  options: OpenSavedOptions,
): Promise<OpenedSaved> {
  const { registry, adapters = [], base, seed = 0 } = options;
  const hasTokenizer = await kindAt(join(saved.path, "tokenizer.json"));
  const alone = creatingWith(registry, {
    modelDir: hasTokenizer === null ? saved.base : saved.path,
    seed,
    base,
    notice: (message) => options.notice(message),
  });
  using held = new DisposableStack();
  const model = held.use(
    await openBase({
      base: saved.base,
      adapters: [...saved.adapter === null ? [] : [saved.path], ...adapters],
    }, alone),
  );
  const tokenizer = await createPart("tokenizer", "huggingface", alone);
  if (tokenizer.vocabSize > model.spec.vocabSize) {
    throw new DataError(
      `The tokenizer in ${saved.path} has ${tokenizer.vocabSize} tokens, but the model has rows for ${model.spec.vocabSize}`,
    );
  }
  const creating = beside(alone, {
    modelConfig: model.folder?.config ?? null,
    tokenizer,
  });
  const decoding = await savedDecoding(
    [saved.path, saved.base],
    creating,
    options.decoding,
  );
  if (decoding.causal && model.spec.attention === "bidirectional") {
    throw new ConfigError(
      `The model in ${saved.base} cannot be decoded token by token: its tokens see later ones (model_type ${model.spec.modelType}), and no generation_config.json of it says another way to write (denotune_objective)`,
    );
  }
  const owned = held.move();
  return {
    saved,
    model,
    decoding,
    tokenizer,
    creating,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** How the base is stored: as the options say, else as it was trained beside. */
export async function storageOf(
  { path, adapter }: SavedFolder,
  { dtype, quantization, onNotice }: Pick<
    LoadModelOptions,
    "dtype" | "quantization" | "onNotice"
  >,
): Promise<BaseStorage> {
  const trained = adapter === null
    ? PLAIN_STORAGE
    : await storageTrainedOn(path);
  if (quantization !== undefined) {
    return {
      dtype: dtype ?? trained.dtype,
      quantization,
      quantizationPattern: {},
      // 8 bits also beside nf4: the head is as sensitive as a layer, and read once a token like all others
      headQuantization: quantization === null ? null : "int8",
    };
  }
  const found = anyQuantization(trained);
  if (found !== null) {
    onNotice?.(`The base is stored as ${found}, as the adapter was trained`);
  }
  return { ...trained, dtype: dtype ?? trained.dtype };
}
