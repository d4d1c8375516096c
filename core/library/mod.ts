/**
 * What programs and commands do with a run or a model. Each function loads what it works with when it is
 * called: importing this costs nothing.
 * @module
 */
import type { LoadedRun, RunRequest } from "../config/load.ts";
import type { RunInput } from "../config/types.ts";
import type { BuiltIn } from "../contracts/built_in.ts";
import type { Answer } from "../contracts/evaluator.ts";
import type { HubOptions } from "../io/hub/access.ts";
import type { Uploaded, UploadRequest } from "../io/hub/upload.ts";
import type { PrepareOptions } from "../run/open/open_run.ts";
import type { RunOptions, RunResult } from "../run/run_options.ts";
import type { EvaluatedModel, EvaluateOptions } from "./evaluate/evaluate.ts";
import type { CheckedRun } from "./check.ts";
import type {
  InspectedExample,
  InspectedRow,
  InspectOptions,
} from "./inspect.ts";
import type { ListedPlugin } from "./list_plugins.ts";
import type {
  GenerateOptions,
  LoadedModel,
  PromptInput,
} from "./load_model.ts";
import type { LoadModelOptions } from "./load_options.ts";
import type { PrepareDataOptions, PreparedData } from "./data/prepared_data.ts";
import type { WriteRowsOptions, WrittenRows } from "./data/write_rows.ts";
import type { CreatePartOptions, EncodeOptions } from "./data/single_part.ts";
import type { Choice, Kind, KindMap } from "../contracts/plugin.ts";
import type { ParsedExample } from "../contracts/format.ts";
import type { WeightedExample } from "../contracts/collator.ts";
import type { ExportOptions, ExportResult } from "./export/export.ts";
import type { MergeOptions, MergeResult } from "./merge/merge.ts";
import type { OpenedRows, OpenRowsOptions } from "./open_data.ts";
import type { TrainOptions } from "./train.ts";

/**
 * The library's functions. Those that programs call take the built-in parts first; those that commands call
 * take a loaded run. All throw `ConfigError`, `PluginError`, `DataError` or `DeviceError`.
 */
export interface LibraryFunctions {
  /** Trains, silently. */
  train(
    builtIn: BuiltIn,
    run: RunInput | string,
    options?: TrainOptions,
  ): Promise<RunResult>;
  /** The tokens of some training examples. */
  inspect(
    builtIn: BuiltIn,
    run: RunInput | string,
    options?: InspectOptions,
  ): Promise<InspectedExample[]>;
  /** Loads a saved model, an adapter with its base, or a checkpoint. */
  loadModel(
    builtIn: BuiltIn,
    folder: string,
    options?: LoadModelOptions,
  ): Promise<LoadedModel>;
  /** Loads a model, answers one prompt, gives everything back. */
  generate(
    builtIn: BuiltIn,
    folder: string,
    prompt: PromptInput,
    options?: GenerateOptions & LoadModelOptions,
  ): Promise<Answer>;
  /** Folds an adapter into its base. */
  merge(
    builtIn: BuiltIn,
    folder: string,
    options?: MergeOptions,
  ): Promise<MergeResult>;
  /** Writes a saved model in the layout of an exporter, reads it back and compares it with what was trained. */
  exportModel(
    builtIn: BuiltIn,
    folder: string,
    options: ExportOptions,
  ): Promise<ExportResult>;
  /** Sends files to a model's repository of the Hub. */
  push(request: UploadRequest, options?: HubOptions): Promise<Uploaded>;
  /** Runs the evaluators of a run on saved models. */
  evaluate(
    builtIn: BuiltIn,
    run: RunInput | string,
    folders: readonly string[],
    options?: EvaluateOptions,
  ): Promise<EvaluatedModel[]>;
  /** The same, of a loaded run. */
  evaluateRun(
    run: LoadedRun,
    folders: readonly string[],
    options?: EvaluateOptions,
  ): Promise<EvaluatedModel[]>;
  /** Reads and checks a run file, or an object, with overrides. */
  loadRun(request: RunRequest): Promise<LoadedRun>;
  /** The plugins that a run file names, and those of the files it extends; no code of anybody is run. */
  listPlugins(file: string): Promise<ListedPlugin[]>;
  /** Trains a loaded run. */
  trainRun(run: LoadedRun, options?: RunOptions): Promise<RunResult>;
  /** Checks a loaded run as far as it goes without training. */
  checkRun(run: LoadedRun, options?: PrepareOptions): Promise<CheckedRun>;
  /** The tokens of chosen examples of a loaded run. */
  inspectRun(
    run: LoadedRun,
    options?: InspectOptions,
  ): Promise<InspectedExample[]>;
  /** The rows of one optimizer step of a loaded run, counted from 1, and how many steps it has. */
  inspectStep(
    run: LoadedRun,
    step: number,
    options?: PrepareOptions,
  ): Promise<{ readonly steps: number; readonly rows: InspectedRow[] }>;
  /** Prepares the data of a run, to go through its examples and batches. */
  prepare(
    builtIn: BuiltIn,
    run: RunInput | string,
    options?: PrepareDataOptions,
  ): Promise<PreparedData>;
  /** One part by itself. */
  createPart<K extends Kind>(
    builtIn: BuiltIn,
    kind: K,
    choice: Choice,
    options?: CreatePartOptions,
  ): Promise<KindMap[K]>;
  /** The tokens of an example and their weights. */
  encodeExample(
    example: ParsedExample,
    options: EncodeOptions,
  ): Promise<WeightedExample[]>;
  /** Writes the prepared rows of a loaded run to files. */
  writeRows(run: LoadedRun, options: WriteRowsOptions): Promise<WrittenRows[]>;
  /** Opens the data of a loaded run for a look at its rows. */
  openRows(run: LoadedRun, options?: OpenRowsOptions): Promise<OpenedRows>;
}

/** The functions, each loaded at its first call. */
export const library: LibraryFunctions = {
  train: async (...args) => (await import("./train.ts")).train(...args),
  inspect: async (...args) => (await import("./inspect.ts")).inspect(...args),
  loadModel: async (...args) =>
    (await import("./load_model.ts")).loadModel(...args),
  generate: async (...args) =>
    (await import("./load_model.ts")).generate(...args),
  merge: async (...args) => (await import("./merge/merge.ts")).merge(...args),
  exportModel: async (...args) =>
    (await import("./export/export.ts")).exportModel(...args),
  push: async (...args) =>
    (await import("../io/hub/upload.ts")).uploadFiles(...args),
  evaluate: async (...args) =>
    (await import("./evaluate/evaluate.ts")).evaluate(...args),
  evaluateRun: async (...args) =>
    (await import("./evaluate/evaluate.ts")).evaluateRun(...args),
  loadRun: async (...args) =>
    (await import("../config/load.ts")).loadRun(...args),
  listPlugins: async (...args) =>
    (await import("./list_plugins.ts")).listPlugins(...args),
  trainRun: async (...args) =>
    (await import("../run/run.ts")).trainRun(...args),
  checkRun: async (...args) => (await import("./check.ts")).checkRun(...args),
  inspectRun: async (...args) =>
    (await import("./inspect.ts")).inspectRun(...args),
  inspectStep: async (...args) =>
    (await import("./inspect.ts")).inspectStep(...args),
  prepare: async (...args) =>
    (await import("./data/prepared_data.ts")).prepare(...args),
  createPart: async (...args) =>
    (await import("./data/single_part.ts")).createPart(...args),
  encodeExample: async (...args) =>
    (await import("./data/single_part.ts")).encodeExample(...args),
  writeRows: async (...args) =>
    (await import("./data/write_rows.ts")).writeRows(...args),
  openRows: async (...args) =>
    (await import("./open_data.ts")).openRows(...args),
};
