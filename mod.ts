/**
 * denotune fine-tunes language models: one YAML file, one command, no Python. This is the door for programs:
 * train, ask, inspect and analyze, with runs written in TypeScript and checked by the compiler. Run as a program it
 * is the command line. It is _not_ the door for plugin authors: that is `@denotune/denotune/core`.
 *
 * @example Train on two kinds of rows, then ask
 * ```ts
 * import { adamw, choose, defineRun, loadModel, train } from "@denotune/denotune";
 *
 * const run = defineRun({
 *   model: { path: "HuggingFaceTB/SmolLM2-135M" },
 *   data: { train: [{ rows: [{ question: "What is AI?", answer: "..." }], format: "question_answer" }] },
 *   optimizer: choose(adamw, { learning_rate: 2e-5 }),
 * });
 * const { path } = await train(run);
 * await using model = await loadModel(path);
 * console.log((await model.generate("What is AI?")).text);
 * ```
 *
 * @module
 */
import { denoProblem } from "./core/cli/deno_version.ts";
import { runProcess } from "./core/cli/process.ts";
import { builtIn } from "./plugins/library.ts";

export { defineRun } from "./core/config/types.ts";
export type {
  DataConfig,
  DataInput,
  DataValuesInput,
  EvalEntry,
  EvalEntryInput,
  Every,
  GenerationConfig,
  GenerationInput,
  MemoryMode,
  ModelConfig,
  ModelInput,
  PluginEntry,
  PluginInput,
  RunConfig,
  RunInput,
  SamplesConfig,
  SamplesInput,
  StorageDtype,
  TrainEntry,
  TrainEntryInput,
  TrainingConfig,
  TrainingInput,
  TrainingMode,
  Truncation,
  UntrustedPlugins,
} from "./core/config/types.ts";
export type {
  DataValues,
  EvalHoldout,
} from "./core/config/schema/data_options.ts";
export {
  type AnyPart,
  type Choice,
  choose,
  type ChosenPart,
  type Kind,
  type KindMap,
  type Part,
} from "./core/contracts/plugin.ts";
export {
  ConfigError,
  DataError,
  type DenotuneErrorName,
  DeviceError,
  isDenotuneError,
  PluginError,
} from "./core/contracts/errors.ts";
export type { TrackerEvent } from "./core/contracts/tracker.ts";
export type { Message, Role } from "./core/contracts/format.ts";
export type { InspectedToken } from "./core/data/inspect.ts";
export type { Answer } from "./core/contracts/evaluator.ts";
export type { SaveDType } from "./core/io/save_model.ts";
export type { RegistryOptions } from "./core/config/parts/open_registry.ts";
export type {
  TrustOption,
  WithTrust,
} from "./core/config/trust/trust_option.ts";
export type { PrepareOptions } from "./core/run/open/open_run.ts";
export type { RunResult } from "./core/run/run_options.ts";
export type {
  GenerateOptions,
  LoadedModel,
  PromptInput as Prompt,
  ScoreInput,
} from "./core/library/load_model.ts";
export type { Score } from "./core/library/loaded/score_texts.ts";
export type { LoadModelOptions } from "./core/library/load_options.ts";
export type {
  InspectedExample,
  InspectOptions,
} from "./core/library/inspect.ts";
export type {
  DataSide,
  IteratedBatch,
  IteratedExample,
  PrepareDataOptions,
  PreparedData,
} from "./core/library/data/prepared_data.ts";
export type {
  CreatePartOptions,
  EncodeOptions,
} from "./core/library/data/single_part.ts";
export type {
  EvaluatedModel,
  EvaluateOptions,
} from "./core/library/evaluate/evaluate.ts";
export type { Evaluated } from "./core/run/evaluation/evaluations.ts";
export type { AnswerFigures } from "./core/library/export/compare_answers.ts";
export type { ExportReport } from "./core/library/export/compare_export.ts";
export type {
  StorageFigures,
  TensorFigures,
} from "./core/library/export/compare_tensors.ts";
export type { TextFigures } from "./core/library/export/compare_text.ts";
export type {
  ExportOptions,
  ExportResult,
} from "./core/library/export/export.ts";
export type { MergeOptions, MergeResult } from "./core/library/merge/merge.ts";
export type { TrainOptions } from "./core/library/train.ts";
export type { AnalyzeOptions } from "./plugins/commands/analyze/library.ts";
export type { DataOnly } from "./plugins/commands/analyze/open_subject.ts";
export type {
  Distinct,
  Finding,
  FindingExample,
  Opening,
  QualityReport,
  QualitySettings,
  Severity,
  Subject,
  SubjectSource,
} from "./plugins/commands/analyze/types.ts";
export type {
  FigureName,
  FindingName,
  MetricValues,
  PartValue,
} from "./plugins/commands/analyze/metrics.ts";
export type {
  Bin,
  Distribution,
} from "./plugins/commands/analyze/count/histogram.ts";
export type { SetSize } from "./plugins/commands/analyze/set_size.ts";
export type { Packing } from "./plugins/commands/analyze/packing.ts";
export {
  analyze,
  createPart,
  encodeExample,
  evaluate,
  exportModel,
  generate,
  inspect,
  loadModel,
  merge,
  prepare,
  train,
} from "./plugins/library.ts";

// Parts whose options are worth checking by the compiler; every other one is chosen by its name.
export { dora, type DoraOptions } from "./plugins/adapters/dora.ts";
export {
  lora,
  type LoraInit,
  type LoraOptions,
} from "./plugins/adapters/lora.ts";
export { neftune, type NeftuneOptions } from "./plugins/adapters/neftune.ts";
export {
  exactMatch,
  type ExactMatchOptions,
} from "./plugins/evaluators/exact_match.ts";
export { adamw, type AdamWOptions } from "./plugins/optimizers/adamw.ts";
export { ema, type EmaOptions } from "./plugins/optimizers/ema.ts";
export { lion, type LionOptions } from "./plugins/optimizers/lion.ts";
export { sgd, type SgdOptions } from "./plugins/optimizers/sgd.ts";
export { constant } from "./plugins/schedules/constant.ts";
export {
  cosine,
  type DecayOptions,
  type WarmupOptions,
} from "./plugins/schedules/cosine.ts";
export { linear } from "./plugins/schedules/linear.ts";
export { plain, type PlainOptions } from "./plugins/templates/plain.ts";

// a package of npm can be loaded by Node, too
const problem = denoProblem(globalThis.Deno?.version.deno);
if (problem !== null) {
  if (!import.meta.main) throw new Error(problem);
  console.error(problem);
  // not imported above: on Deno, `node:process` takes as long to load as all of this module
  import("node:process").then(({ default: process }) => process.exit(1));
} else if (import.meta.main) {
  const quickstart = async () => ({
    ...(await import("./examples/quickstart/run.ts")).default,
  });
  // no top-level await: run files and plugins may import this module while the command line runs
  runProcess(async () => {
    const { main } = await import("./core/cli/main.ts");
    return await main(Deno.args, { builtIn, quickstart });
  });
}
