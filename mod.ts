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

export { defineRun } from "./core/config/types.ts";
export type {
  DataConfig,
  DataInput,
  EvalEntry,
  EvalEntryInput,
  Every,
  GenerationConfig,
  GenerationInput,
  ModelConfig,
  ModelInput,
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
} from "./core/config/types.ts";
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
export type {
  Distinct,
  Finding,
  FindingExample,
  Opening,
  QualitySettings,
  Severity,
  Subject,
  SubjectSource,
} from "./core/quality/types.ts";
export type {
  FigureName,
  FindingName,
  MetricValues,
  PartValue,
} from "./core/quality/metrics.ts";
export type { Bin, Distribution } from "./core/quality/histogram.ts";
export type { Packing } from "./core/quality/packing.ts";
export type { RegistryOptions } from "./core/config/parts/open_registry.ts";
export type { SaveDType } from "./core/io/save_model.ts";
export type { PrepareOptions } from "./core/run/open/open_run.ts";
export {
  analyze,
  type AnalyzeOptions,
  type Answer,
  type DataOnly,
  generate,
  type GenerateOptions,
  inspect,
  type InspectedExample,
  type InspectOptions,
  type LoadedModel,
  loadModel,
  type LoadModelOptions,
  merge,
  type MergeOptions,
  type MergeResult,
  type Prompt,
  type QualityReport,
  type RunResult,
  train,
  type TrainOptions,
} from "./core/library/mod.ts";

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

if (import.meta.main) {
  const problem = denoProblem(Deno.version.deno);
  if (problem !== null) {
    console.error(problem);
    Deno.exit(1);
  }
  // no top-level await: run files and plugins may import this module while the command line runs
  import("./core/cli/main.ts").then(({ main }) => main(Deno.args)).then(
    Deno.exit,
  );
}
