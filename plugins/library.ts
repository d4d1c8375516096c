/**
 * The library's functions with the built-in parts at hand. Each loads what it works with when it is called:
 * importing them costs nothing. What it needs of core at once is imported by path: core's door would load 210 modules.
 * @module
 */
import type {
  Answer,
  BuiltIn,
  Choice,
  CreatePartOptions,
  EncodeOptions,
  EvaluatedModel,
  EvaluateOptions,
  ExportOptions,
  ExportResult,
  GenerateOptions,
  InspectedExample,
  InspectOptions,
  Kind,
  KindMap,
  LoadedModel,
  LoadModelOptions,
  MergeOptions,
  MergeResult,
  ParsedExample,
  PrepareDataOptions,
  PreparedData,
  PromptInput,
  RunInput,
  RunResult,
  TrainOptions,
  WeightedExample,
} from "@denotune/denotune/core";
import { bundleUrl, ownModule } from "../core/own_module.ts";
import { library } from "../core/library/mod.ts";
import { workInBundle } from "../core/library/work_in_bundle.ts";
import type { AnalyzeOptions } from "./commands/analyze/library.ts";
import type { DataOnly } from "./commands/analyze/open_subject.ts";
import type { QualityReport } from "./commands/analyze/types.ts";

/** The built-in parts, for programs that use denotune. */
export const builtIn: BuiltIn = {
  module: bundleUrl() === null
    ? ownModule(new URL("./mod.ts", import.meta.url)).href
    : import.meta.url,
  load: async () => (await import("./mod.ts")).default,
  workers: async () => (await import("./mod.ts")).workers,
};

// a bundle is also the module of its workers: in one of them, this is where it stops
await workInBundle(builtIn);

/**
 * Trains, and returns the numbers of the last evaluation and where things are. Takes a run or the path of a
 * run file. Prints nothing: the tracker `console` is left out unless the object names it. Throws
 * `ConfigError`, `PluginError`, `DataError` or `DeviceError`.
 *
 * @example
 * ```ts
 * import { train } from "@denotune/denotune";
 *
 * const { status, path, metrics } = await train("run.yaml", {
 *   onEvent: (event) => event.event === "step" && console.log(event.loss),
 * });
 * console.log(status, path, metrics.eval_loss);
 * ```
 */
export async function train(
  run: RunInput | string,
  options: TrainOptions = {},
): Promise<RunResult> {
  return await library.train(builtIn, run, options);
}

/**
 * The tokens of some training examples: id, characters, weight in the loss, origin. A row that was
 * split into several examples gives all of them.
 *
 * @example
 * ```ts
 * import { inspect } from "@denotune/denotune";
 *
 * for (const { tokens } of await inspect("run.yaml", { row: 0 })) {
 *   console.log(tokens.filter((t) => t.weight > 0).map((t) => t.text).join(""));
 * }
 * ```
 */
export async function inspect(
  run: RunInput | string,
  options: InspectOptions = {},
): Promise<InspectedExample[]> {
  return await library.inspect(builtIn, run, options);
}

/**
 * The quality of data: what repeats, leaks, is cut, empty or never trained, and the lengths, languages and
 * padding. Takes a run or the path of a run file, data without a model (then bytes count as tokens unless it
 * names a tokenizer), or the path of a data file. Every row is read once; rows that cannot be read are
 * counted. Throws `ConfigError`, `PluginError` or `DataError`.
 *
 * @example
 * ```ts
 * import { analyze } from "@denotune/denotune";
 *
 * const report = await analyze({
 *   data: { train: [{ rows: [{ question: "What is AI?", answer: "..." }] }] },
 * });
 * console.log(report.metrics.duplicates.share, report.findings[0]?.title);
 * ```
 */
export async function analyze(
  subject: RunInput | DataOnly | string,
  options: AnalyzeOptions = {},
): Promise<QualityReport> {
  const analysis = await import("./commands/analyze/library.ts");
  return await analysis.analyze(builtIn, subject, options);
}

/**
 * Runs the evaluators of a run on saved models, without training: one result a model, in order, after that of
 * `compare` where it is given. Takes a run or the path of a run file, also the `config.resolved.yaml` of a run's
 * folder, for its evaluators, held-out rows and template. Throws `ConfigError`, `PluginError`, `DataError` or
 * `DeviceError`.
 *
 * @example
 * ```ts
 * import { evaluate } from "@denotune/denotune";
 *
 * const models = await evaluate("run.yaml", ["outputs/run"], {
 *   compare: "base",
 * });
 * for (const { name, results } of models) {
 *   for (const { metrics } of results) console.log(name, ...metrics);
 * }
 * ```
 */
export async function evaluate(
  run: RunInput | string,
  folders: readonly string[],
  options: EvaluateOptions = {},
): Promise<EvaluatedModel[]> {
  return await library.evaluate(builtIn, run, folders, options);
}

/**
 * Prepares the data of a run, and goes through its examples and batches as training gets them. Takes a run or
 * the path of a run file. Dispose of it (`using`) to close its files. Throws `ConfigError`, `PluginError` or
 * `DataError`.
 *
 * @example
 * ```ts
 * import { prepare } from "@denotune/denotune";
 *
 * using data = await prepare("run.yaml");
 * for (const { ids, weights } of data.examples()) console.log(ids, weights);
 * for await (const { step, tokens } of data.batches()) console.log(step, tokens);
 * ```
 */
export async function prepare(
  run: RunInput | string,
  options: PrepareDataOptions = {},
): Promise<PreparedData> {
  return await library.prepare(builtIn, run, options);
}

/**
 * One part by itself: a format, a template, a masker, a collator, a tokenizer. Throws `ConfigError` for an
 * unknown name or wrong options.
 *
 * @example
 * ```ts
 * import { createPart, encodeExample } from "@denotune/denotune";
 *
 * const tokenizer = await createPart("tokenizer", "byte");
 * const format = await createPart("format", "alpaca");
 * const template = await createPart("template", "alpaca", { tokenizer });
 * const masker = await createPart("masker", "completion-only");
 * const collator = await createPart("collator", "packed");
 *
 * const where = { path: "my rows", index: 0 };
 * const example = format.parse({ value: { instruction: "Add 1 and 1", output: "2" }, where });
 * const [tokens] = await encodeExample(example, { tokenizer, template, masker });
 * const limits = { maxLength: 64, batchSize: 1, padId: 0, seed: 0 };
 * console.log(collator.collate([[tokens]], limits).weights);
 * ```
 */
export async function createPart<K extends Kind>(
  kind: K,
  choice: Choice,
  options: CreatePartOptions = {},
): Promise<KindMap[K]> {
  return await library.createPart(builtIn, kind, choice, options);
}

/**
 * The tokens of an example and the weight of each as a target, ready for a collator; see {@linkcode createPart}.
 * Several examples under `truncation: "split"`, none where it is dropped. Throws `DataError`.
 */
export async function encodeExample(
  example: ParsedExample,
  options: EncodeOptions,
): Promise<WeightedExample[]> {
  return await library.encodeExample(example, options);
}

/**
 * Loads a saved model, the results of a run, a checkpoint, or an adapter with its base; a folder or a Hub
 * id. Throws `DataError` for a broken or missing one, `DeviceError` where memory does not suffice.
 *
 * @example
 * ```ts
 * import { loadModel } from "@denotune/denotune";
 *
 * await using model = await loadModel("outputs/quickstart");
 * const { text } = await model.generate("Reverse deno", { maxNewTokens: 12 });
 * console.log(text);
 * ```
 */
export async function loadModel(
  folder: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  return await library.loadModel(builtIn, folder, options);
}

/**
 * Loads a model, answers one prompt, and gives everything back. To ask more than once, use
 * {@linkcode loadModel}.
 *
 * @example
 * ```ts
 * import { generate } from "@denotune/denotune";
 *
 * const { text } = await generate("outputs/quickstart", "Uppercase deno");
 * console.log(text);
 * ```
 */
export async function generate(
  folder: string,
  prompt: PromptInput,
  options: GenerateOptions & LoadModelOptions = {},
): Promise<Answer> {
  return await library.generate(builtIn, folder, prompt, options);
}

/**
 * Folds an adapter (a finished run, a checkpoint, a PEFT folder) into the base that it was trained on, in
 * float32, and writes a model folder. What was written is read back: the folder appears only if its logits
 * are those of base and adapter. Throws `ConfigError` where there is nothing that can be merged, `DataError`
 * where the logits differ by more than the tolerance.
 *
 * @example
 * ```ts
 * import { merge } from "@denotune/denotune";
 *
 * const { path, largestDifference } = await merge("outputs/capitals");
 * console.log(path, largestDifference);
 * ```
 */
export async function merge(
  folder: string,
  options: MergeOptions = {},
): Promise<MergeResult> {
  return await library.merge(builtIn, folder, options);
}

/**
 * Writes a trained model in the layout of an exporter, reads it back and compares it with what was trained: weights,
 * tokenizer, chat template, stop tokens, and the answers to prompts of the training data. It is kept only where they
 * agree (`passed`); else `report.faults` names what does not. Throws `ConfigError` for a model that the layout cannot
 * hold, `DeviceError` for a full disk.
 *
 * @example
 * ```ts
 * import { exportModel } from "@denotune/denotune";
 *
 * const { path, passed, report } = await exportModel("outputs/capitals", {
 *   to: { use: "huggingface", quantization: "bf16" },
 * });
 * console.log(passed ? path : report.faults);
 * ```
 */
export async function exportModel(
  folder: string,
  options: ExportOptions,
): Promise<ExportResult> {
  return await library.exportModel(builtIn, folder, options);
}
