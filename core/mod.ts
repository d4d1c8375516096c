/**
 * What the author of a part imports: contracts, errors, expressions, the graph, and what parts share. A name
 * is exported because a part, an example or a public test suite uses it, or because a type of one of them
 * needs it: a test holds the list.
 * @module
 */

export * from "./device/mod.ts";
export type * from "./contracts/activation.ts";
export type * from "./contracts/adapter.ts";
export type * from "./contracts/ask.ts";
export type * from "./contracts/backend.ts";
export type * from "./contracts/built_in.ts";
export type * from "./contracts/collator.ts";
export type * from "./contracts/collective.ts";
export {
  type Command,
  type CommandArgument,
  type CommandContext,
  type CommandDefinition,
  type CommandFacts,
  defineCommand,
  flagOf,
  type ListedPart,
  type Output,
  type Outputs,
  type Program,
  type TextStyle,
} from "./contracts/command.ts";
export {
  ConfigError,
  DataError,
  DenotuneError,
  type DenotuneErrorName,
  isDenotuneError,
  PluginError,
} from "./contracts/errors.ts";
export type * from "./contracts/decoder.ts";
export type * from "./contracts/evaluator.ts";
export {
  rewardEvaluator,
  type RewardParts,
  type Rewards,
  rewardsOf,
} from "./contracts/reward.ts";
export type * from "./contracts/exporter.ts";
export type * from "./contracts/format.ts";
export type * from "./contracts/json.ts";
export type * from "./contracts/masker.ts";
export type * from "./contracts/model.ts";
export {
  type Decoding,
  defineLoss,
  type Inputs,
  type LossResult,
  type LossValues,
  type Measure,
  type Objective,
  type ObjectiveHead,
  type ObjectiveLoss,
  type StepKey,
} from "./contracts/objective.ts";
export type * from "./contracts/optimizer.ts";
export type * from "./contracts/options.ts";
export {
  API_CHANGES,
  API_VERSION,
  type ApiChange,
} from "./contracts/api_changes.ts";
export {
  type AnyPart,
  type Choice,
  choose,
  type ChosenPart,
  definePart,
  definePlugin,
  type Host,
  type Kind,
  type KindMap,
  KINDS,
  type Part,
  type Plugin,
  tokenizerOf,
} from "./contracts/plugin.ts";
export {
  BUILT_IN,
  type Isolation,
  type LoadedFrom,
  type Registered,
  type RegisteredPlugin,
  Registry,
} from "./contracts/registry.ts";
export type {
  Deciding,
  PluginIdentity,
  TrustPolicy,
  UntrustedPlugin,
} from "./contracts/trust.ts";
export {
  exactJson,
  type NumberText,
  numberText,
  parseExactJson,
  plainNumbers,
  textOfNumber,
} from "./contracts/number_text.ts";
export type * from "./contracts/schedule.ts";
export type * from "./contracts/source.ts";
export type * from "./contracts/template.ts";
export type * from "./contracts/token_constraint.ts";
export type * from "./contracts/tokenizer.ts";
export type * from "./contracts/tracker.ts";
export { namingPermissions } from "./permission_words.ts";
export { whyUnset } from "./permissions.ts";
export { hash32, mix32, type Random, shuffledIndices } from "./random.ts";
export { CharSet } from "./regexp/char_set.ts";
export type { Dialect } from "./regexp/parse_class.ts";
export {
  compileRegularExpression,
  type RegularExpression,
  type RegularExpressionOptions,
} from "./regexp/regular_expression.ts";
export { showBytes, showCount, showDigits, showWhole } from "./show_numbers.ts";
export { VERSION } from "./version.ts";
export { sameDim, type Shape } from "./graph/dims.ts";
export { type Quantization } from "./graph/dtype.ts";
export {
  constant,
  Expr,
  input,
  leavesOf,
  random,
  reduce,
  value,
  write,
} from "./graph/expression.ts";
export {
  type Attributes,
  type GradientContext,
  type GradientRule,
  Graph,
  type LowerContext,
  type Node,
  type Op,
  type QuantizedView,
  type Tensor,
  type TensorType,
} from "./graph/graph.ts";
export type { ArgmaxAttributes } from "./graph/kernels/argmax.ts";
export type { CachedAttentionAttributes } from "./graph/kernels/attention.ts";
export type { ColumnSumAttributes } from "./graph/kernels/column_sum.ts";
export type { ConcatColumnsAttributes } from "./graph/kernels/concat_columns.ts";
export type {
  CachedConvolutionAttributes,
  ConvolutionAttributes,
  ConvolutionShape,
} from "./graph/kernels/convolution.ts";
export type { CopyAttributes } from "./graph/kernels/copy.ts";
export type { FillAttributes } from "./graph/kernels/fill.ts";
export type { GatherRowsAttributes } from "./graph/kernels/gather_rows.ts";
export type { GroupSumAttributes } from "./graph/kernels/group_sum.ts";
export type { MatmulAttributes } from "./graph/kernels/matmul.ts";
export {
  type CallOf,
  type FreeSize,
  type KernelCallOf,
  type Operands,
  type OutputOperand,
  type Size,
  type SizeOf,
} from "./graph/kernels/mod.ts";
export type {
  CachedRecurrenceAttributes,
  RecurrenceAttributes,
  RecurrenceShape,
} from "./graph/kernels/recurrence.ts";
export type { RopeAttributes } from "./graph/kernels/rope.ts";
export type { RowsAttributes } from "./graph/kernels/rows.ts";
export type { SampleAttributes } from "./graph/kernels/sample.ts";
export type { ScatterAddAttributes } from "./graph/kernels/scatter_add.ts";
export type { ScatterRowsAttributes } from "./graph/kernels/scatter_rows.ts";
export type { SliceColumnsAttributes } from "./graph/kernels/slice_columns.ts";
export type { SumAttributes } from "./graph/kernels/sum.ts";
export type { TakeTokensAttributes } from "./graph/kernels/take_tokens.ts";
export type { WriteCacheAttributes } from "./graph/kernels/write_cache.ts";
export type { WriteRowAttributes } from "./graph/kernels/write_row.ts";
export type { TraceTarget } from "./graph/trace.ts";
export { examplePlan } from "./graph/example_call.ts";
export { LevelValue } from "./graph/loss/level_value.ts";
export type { Level } from "./graph/loss/levels.ts";
export { add, addRow, addTo } from "./graph/ops/add.ts";
export type { AttentionOptions } from "./graph/ops/attention.ts";
export { columnSum } from "./graph/ops/column_sum.ts";
export { splitColumns } from "./graph/ops/columns.ts";
export { dropout } from "./graph/ops/dropout.ts";
export { reshape } from "./graph/ops/reshape.ts";
export { elementwise, swiglu } from "./graph/ops/elementwise.ts";
export { type Layout, matmul } from "./graph/ops/matmul.ts";
export { rows, spaceOf } from "./graph/ops/rows.ts";
export { sum } from "./graph/ops/sums.ts";
export { fitsBlocks } from "./graph/quantize/blocks.ts";
export {
  type Int8Layout,
  type Nf4Layout,
  quantizedWords,
} from "./graph/quantize/layout.ts";
export {
  entropy,
  type LogitRow,
  logProbability,
  logsumexp,
  meanLogProbability,
  type RowStatistic,
} from "./graph/loss/row_statistic.ts";
export { type CheckOptions } from "./graph/checks/check_call.ts";
export {
  ADAPTER_CONFIG,
  findAdapterTensors,
  openAdapterFile,
} from "./io/adapter_file.ts";
export { temporaryBeside, writeAll, writeFileAtomic } from "./io/atomic.ts";
export { type ModelFolder, openModelFolder } from "./io/model_folder.ts";
export {
  type ModelToSave,
  type SaveDType,
  showConfig,
  writeModelFiles,
} from "./io/save_model.ts";
export {
  type TensorToCopy,
  type TensorToSave,
  type TensorToWrite,
  type WriteOptions,
  writeSafetensors,
} from "./io/write_safetensors.ts";
export { cacheFolder, temporaryFolder } from "./io/cache_folder.ts";
export {
  completed,
  ConfigReader,
  type RawConfig,
  showValue,
} from "./io/config_reader.ts";
export type { DownloadProgress, HubOptions } from "./io/hub/access.ts";
export {
  type CachedSnapshot,
  type Environment,
  findInHubCache,
  hubCacheFolder,
  type HubKind,
  isHubId,
} from "./io/hub/hub_cache.ts";
export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./io/half.ts";
export { kindAt } from "./io/hub/local.ts";
export type { FileToUpload, Uploaded, UploadRequest } from "./io/hub/upload.ts";
export { type JsonObject, readJsonObject } from "./io/json_file.ts";
export {
  type ElementRange,
  SafetensorsFile,
  type StoredTensor,
} from "./io/read_safetensors.ts";
export { readRope, type RopeReading } from "./io/read_rope.ts";
export {
  type RopeScaling,
  rotaryColumns,
  rotaryFrequencies,
  rotaryTable,
} from "./io/rotary.ts";
export {
  isSafetensorsDType,
  type SafetensorsDType,
  type WeightDType,
} from "./io/safetensors_header.ts";
export {
  configNeeds,
  hubNeeds,
  modelNeeds,
  pathNeeds,
  runNeeds,
  savedRunNeeds,
} from "./cli/needs.ts";
export { reads, writes } from "./cli/path_needs.ts";
export { chosenAt } from "./config/chosen_at.ts";
export type { LoadedRun, RunRequest } from "./config/load.ts";
export { bytesOfSize } from "./config/parse/bytes.ts";
export { partPlaces } from "./config/parse/layout.ts";
export { nearest } from "./config/parse/nearest.ts";
export { messageOf } from "./config/parse/problem.ts";
export { isPlainObject } from "./config/parse/tree.ts";
export { activationsOf } from "./config/parts/activations.ts";
export type { ResolvedChoice } from "./config/parts/choices.ts";
export {
  createPart,
  type Creating,
  type CreatingOptions,
  creatingWith,
} from "./config/parts/create_part.ts";
export type { CallWatch, Guard } from "./config/parts/guard_part.ts";
export { openRegistry } from "./config/parts/open_registry.ts";
export type { RegistryOptions } from "./config/parts/open_registry.ts";
export { configFolder } from "./config/trust/config_folder.ts";
export type { TrustOption, WithTrust } from "./config/trust/trust_option.ts";
export { type ConfigData, readResolvedFile } from "./config/resolved.ts";
export type { FileCheck } from "./config/run_paths.ts";
export { runJsonSchema, type Schema } from "./config/schema/json_schema.ts";
export { optionsJsonSchema } from "./config/schema/options_schema.ts";
export {
  isKeptInput,
  namingInput,
  STANDARD_INPUT,
  STANDARD_INPUT_NAME,
} from "./config/standard_input.ts";
export type {
  MemoryMode,
  PluginEntry,
  PluginInput,
  RunInput,
  UntrustedPlugins,
} from "./config/types.ts";
export type { QueuedDevice } from "./device/host_device.ts";
export { bundleUrl, ownModule } from "./own_module.ts";
export { readFileUpTo, readTextUpTo, refusePipe } from "./io/read_file.ts";
export { type ConnectOptions } from "./device/worker_device.ts";
export { workInBundle } from "./library/work_in_bundle.ts";
export {
  layOutTargets,
  type TargetOptions,
} from "./engine/inputs/lay_out_targets.ts";
export type { ConstantSpec } from "./engine/model/build_model.ts";
export { transposedMatrix } from "./engine/memory/transposed_writes.ts";
export {
  type TracedLeaf,
  type TracedModel,
  type TracedState,
  traceModel,
} from "./engine/generate/trace_model.ts";
export { contentText, type HeldOut, isOnSide } from "./data/content_hash.ts";
export {
  buildExamples,
  type Built,
  parseRecord,
} from "./data/examples/build_examples.ts";
export {
  type DetectedFormat,
  detectFormat,
} from "./data/examples/detect_format.ts";
export {
  type TokenWeights,
  tokenWeights,
  type WeightedSpans,
} from "./data/examples/token_weights.ts";
export type { ExamplePipeline } from "./data/examples/tokenize_example.ts";
export type { WeightedText } from "./data/examples/weighted_text.ts";
export { isCut, type Piece } from "./data/examples/truncate.ts";
export {
  type InspectedToken,
  inspectExample,
  renderTable,
  renderText,
  type ViewOptions,
} from "./data/inspect.ts";
export { NumberList } from "./data/number_list.ts";
export {
  epochOrder,
  type OrderRequest,
  sharesOf,
} from "./data/prepared/epoch_order.ts";
export { openDataPath, type OpenedPath } from "./data/open_path.ts";
export {
  countTrained,
  type RowPlace,
  type SourceCounts,
  Statistics,
  type StatisticsData,
} from "./data/statistics.ts";
export {
  DATA_DEFAULTS,
  type DataOptions,
  type DataReport,
  type DataSource,
  type ExampleOptions,
  type SourceReport,
  type Stopping,
  type Truncation,
  type TruncationReport,
  type WeightBy,
} from "./data/types.ts";
export { describeWhere } from "./data/where.ts";
export { OBJECTIVE_KEY } from "./run/decoding_mark.ts";
export { writeFiles, writeRecords } from "./run/evaluation/records.ts";
export {
  type CurveRange,
  type Curves,
  smoothed,
  thinned,
} from "./run/log/curves.ts";
export { BATCH_FILE } from "./run/watch/batch_view.ts";
export { PROMPTS_FILE, STOP_FILE } from "./run/watch/requests.ts";
export { findRuns, type FoundRun } from "./run/log/find_runs.ts";
export {
  type BestEvaluation,
  type LogEntry,
  METRICS_FILE,
  RunLog,
} from "./run/log/run_log.ts";
export {
  type DescribedState,
  processBytes,
  type RunState,
  runState,
} from "./run/log/run_state.ts";
export type { RunOptions, RunResult } from "./run/run_options.ts";
export type { CheckedRun, PlannedMemory } from "./library/check.ts";
export type { Cluster, RanksEstimate } from "./library/estimate_ranks.ts";
export type { Network, StepEstimate } from "./run/ranks/step_time.ts";
export type {
  InspectedExample,
  InspectedRow,
  InspectOptions,
} from "./library/inspect.ts";
export type {
  GenerateOptions,
  LoadedModel,
  PromptInput,
  WrittenPrompt,
} from "./library/load_model.ts";
export {
  type CallMarks,
  type ReplyMarks,
  replyMarks,
} from "./library/reply/marks.ts";
export { ReplyParser, type ReplyPiece } from "./library/reply/reply_parser.ts";
export type {
  Completion,
  CompletionRequest,
} from "./library/loaded/complete.ts";
export type {
  RowSampling,
  SamplingOptions,
} from "./engine/generate/sampling.ts";
export type { TokenScore } from "./engine/generate/token_scores.ts";
export type { LoadModelOptions } from "./library/load_options.ts";
export type {
  EvaluatedModel,
  EvaluateOptions,
} from "./library/evaluate/evaluate.ts";
export type { ListedPlugin } from "./library/list_plugins.ts";
export type { Evaluated } from "./run/evaluation/evaluations.ts";
export type {
  DataSide,
  IteratedBatch,
  IteratedExample,
  PrepareDataOptions,
  PreparedData,
} from "./library/data/prepared_data.ts";
export type {
  CreatePartOptions,
  EncodeOptions,
} from "./library/data/single_part.ts";
export type {
  WriteRowsOptions,
  WrittenRows,
} from "./library/data/write_rows.ts";
export type { AnswerFigures } from "./library/export/compare_answers.ts";
export type {
  StorageFigures,
  TensorFigures,
} from "./library/export/compare_tensors.ts";
export type { TextFigures } from "./library/export/compare_text.ts";
export type { ExportReport } from "./library/export/compare_export.ts";
export type { ExportOptions, ExportResult } from "./library/export/export.ts";
export type { MergeOptions, MergeResult } from "./library/merge/merge.ts";
export { library, type LibraryFunctions } from "./library/mod.ts";
export type {
  LookedSource,
  OpenedRows,
  OpenRowsOptions,
} from "./library/open_data.ts";
export type { TrainOptions } from "./library/train.ts";
export {
  askedPlugins,
  askedRegistry,
  type AskedRun,
  loadAskedRun,
  splitRunArguments,
} from "./cli/asked_run.ts";
export {
  type Interrupt,
  INTERRUPTED,
  type InterruptOptions,
  onInterrupt,
} from "./cli/interrupt.ts";
export { quoted } from "./cli/invocation.ts";
export { type ProgressLine, progressLine } from "./cli/progress_line.ts";
export { measure, oneLine, tableLines, visible } from "./cli/table.ts";
export { harmless, isOutputGone, writeText } from "./cli/terminal.ts";
export { columnsOf, cutColumns, wrapText } from "./cli/wrap_lines.ts";
