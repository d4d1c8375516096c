/**
 * What a plugin author imports: contracts, errors, expressions and the graph. Not the command line, not
 * the trainer.
 * @module
 */
export type * from "./contracts/activation.ts";
export type * from "./contracts/adapter.ts";
export type * from "./contracts/backend.ts";
export type * from "./contracts/collator.ts";
export type * from "./contracts/collective.ts";
export type * from "./contracts/evaluator.ts";
export type * from "./contracts/exporter.ts";
export type * from "./contracts/format.ts";
export type * from "./contracts/masker.ts";
export type * from "./contracts/model.ts";
export type * from "./contracts/objective.ts";
export type * from "./contracts/optimizer.ts";
export type * from "./contracts/schedule.ts";
export type * from "./contracts/source.ts";
export type * from "./contracts/template.ts";
export type * from "./contracts/tokenizer.ts";
export type * from "./contracts/tracker.ts";
export * from "./contracts/errors.ts";
export * from "./random.ts";
export type { Json } from "./contracts/json.ts";
export * from "./contracts/plugin.ts";
export * from "./graph/dims.ts";
export * from "./graph/dtype.ts";
export * from "./graph/expression.ts";
export * from "./graph/graph.ts";
export type * from "./graph/plan.ts";
export { checkCall, type CheckOptions } from "./graph/check_call.ts";
export { extentsAt, iterationsOf } from "./graph/segments.ts";
export {
  type BufferSize,
  namingCall,
  validatePlan,
} from "./graph/validate_plan.ts";
export {
  definitionOf,
  expressionOf,
  type KernelDefinition,
  kernelDefinitions,
  type Operand,
  type Operands,
  operandsOf,
  operationsOf,
  type OutputOperand,
  quantizedFactor,
} from "./graph/kernels/mod.ts";
export { differentiate } from "./graph/differentiate.ts";
export { type GradientRequest, gradients } from "./graph/gradients.ts";
export { add, addTo } from "./graph/ops/add.ts";
export {
  attention,
  type AttentionOptions,
  cachedAttention,
} from "./graph/ops/attention.ts";
export { columnSum } from "./graph/ops/column_sum.ts";
export {
  concatColumns,
  sliceColumns,
  splitColumns,
} from "./graph/ops/columns.ts";
export { dropout } from "./graph/ops/dropout.ts";
export {
  elementwise,
  multiply,
  scale,
  swiglu,
} from "./graph/ops/elementwise.ts";
export {
  embedding,
  selectRows,
  type SortedTokens,
} from "./graph/ops/embedding.ts";
export { type Head, projectLogits } from "./graph/ops/head.ts";
export { type Layout, matmul } from "./graph/ops/matmul.ts";
export { layerNorm, rmsNorm } from "./graph/ops/norms.ts";
export { rope } from "./graph/ops/rope.ts";
export { rows, spaceOf } from "./graph/ops/rows.ts";
export {
  type DecodeState,
  sample,
  type SampleOperands,
  takeTokens,
  wordsOfBits,
} from "./graph/ops/sampling.ts";
export {
  argmax,
  groupSum,
  stopGradient,
  sum,
  writeRow,
} from "./graph/ops/sums.ts";
export type { Executor, KernelTime } from "./device/executor.ts";
export type { QueuedDevice } from "./device/host_device.ts";
export { localDevice } from "./device/local_device.ts";
export { serve } from "./device/serve.ts";
export { connectWorker } from "./device/worker_device.ts";
export {
  type Arena,
  Memory,
  type MemoryLimits,
  type MemoryReport,
  type Placement,
  type PlannedBuffer,
  type Role as MemoryRole,
} from "./graph/memory.ts";
export { type PlannedProgram, planProgram } from "./graph/planner.ts";
export { type InputData, Session } from "./engine/session.ts";
export {
  buildModel,
  type BuildOptions,
  type BuiltModel,
  type CacheFeed,
  type CacheOptions,
  type ConstantSpec,
  inventoryOf,
  type ModelInventory,
  type Recorder,
} from "./engine/build_model.ts";
export {
  linearCrossEntropy,
  type Loss,
} from "./graph/ops/linear_cross_entropy.ts";
export { describeWhere } from "./data/where.ts";
export { type NumberKind, NumberList } from "./data/number_list.ts";
export { rowsStore, type RowsStoreOptions } from "./data/rows_store.ts";
export {
  sampleRecords,
  type SettledFormat,
  settleFormat,
} from "./data/examples/detect_format.ts";
export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./io/half.ts";
export {
  beginFolder,
  commitFolder,
  recover,
  temporaryBeside,
  writeFileAtomic,
} from "./io/atomic.ts";
export { type JsonObject, readJsonObject, showJson } from "./io/json_file.ts";
export { showBytes, showDigits, showWhole } from "./show_numbers.ts";
export {
  type SafetensorsDType,
  type WeightDType,
} from "./io/safetensors_header.ts";
export {
  type ElementRange,
  SafetensorsFile,
  type Storage,
  StoredTensor,
} from "./io/read_safetensors.ts";
export {
  type ShardOptions,
  tensorOf,
  type TensorToSave,
  type WriteOptions,
  writeSafetensors,
  writeShards,
} from "./io/write_safetensors.ts";
export { type ModelFolder, openModelFolder } from "./io/model_folder.ts";
export {
  findWeights,
  type FoundWeights,
  loadWeights,
  type WantedWeights,
  type WeightChunk,
  type WeightSink,
} from "./io/load_weights.ts";
export {
  type ModelToSave,
  type SaveDType,
  saveModelFolder,
  writeModelFiles,
} from "./io/save_model.ts";
export {
  ADAPTER_CONFIG,
  ADAPTER_FILE,
  findAdapterTensors,
  openAdapterFile,
} from "./io/adapter_file.ts";
export { hashOfName, initialWeights } from "./io/initial_weights.ts";
export {
  DATA_DEFAULTS,
  type DataOptions,
  type DataReport,
  type DataSource,
  type ExampleOptions,
  type PreparedExample,
  type SourceReport,
  type Stopping,
  type Truncation,
  type TruncationReport,
} from "./data/types.ts";
export {
  prepareDataset,
  type PrepareRequest,
} from "./data/prepared/prepare.ts";
export type { TrainingData, TrainingStep } from "./data/training_data.ts";
export type {
  BlockPlace,
  CursorPlace,
  StreamPosition,
} from "./data/stream/types.ts";
export {
  PreparedDataset,
  type PreparedParts,
} from "./data/prepared/prepared_dataset.ts";
export type {
  RowPlace,
  SourceCounts,
  Statistics,
  StatisticsData,
} from "./data/statistics.ts";
export type { PackedExamples } from "./data/prepared/packed_examples.ts";
export {
  type Found,
  PreparedCache,
  type PreparedContent,
} from "./data/cache/prepared_cache.ts";
export type { PrepareRecipe, SourceRecipe } from "./data/workers/protocol.ts";
export type { HostRecipe, PartRecipe } from "./data/workers/recipe.ts";
export type { WeightBy } from "./data/types.ts";
export type {
  StoredTokens,
  TokenStore,
  TokenStoreOptions,
} from "./data/prepared/token_store.ts";
export { preflight, type PreflightOptions } from "./data/preflight.ts";
export {
  inspectBatch,
  type InspectedToken,
  inspectExample,
  renderTable,
  renderText,
  type ViewOptions,
} from "./data/inspect.ts";
export {
  type ExamplePipeline,
  tokenizeExample,
  type WeightedText,
} from "./data/examples/tokenize_example.ts";
export { type Piece, truncate } from "./data/examples/truncate.ts";
export {
  beside,
  createHost,
  createPart,
  type Creating,
  type HostOptions,
} from "./config/parts/create_part.ts";
export {
  locateModel,
  type PathRequest,
  type ResolvedPath,
  resolveModelPath,
} from "./config/paths.ts";
export type { Environment, HubKind } from "./io/hub/hub_cache.ts";
export type { DownloadProgress, HubOptions } from "./io/hub/access.ts";
export {
  type DataPart,
  type DataRequest,
  fetchData,
  locateData,
  type LocatedData,
} from "./io/hub/locate_data.ts";
export type {
  DataChoice,
  DataPlan,
  PlannedPart,
} from "./io/hub/dataset/plan.ts";
export type {
  SliceBound,
  SplitSlice,
} from "./io/hub/dataset/split_expression.ts";
export type { RemoteFile, Repository } from "./io/hub/repository.ts";
export { joinedStore, type StoreRange } from "./data/prepared/joined_store.ts";
export { openParts, type PartOfSplit } from "./data/open_parts.ts";
export {
  type Int8Layout,
  int8Layout,
  NF4_BLOCK,
  NF4_GROUP,
  type Nf4Layout,
  nf4Layout,
  type QuantizedShape,
  quantizedWords,
} from "./graph/quantize/layout.ts";
export { dynamicMap, NF4_LEVELS } from "./graph/quantize/tables.ts";
export { quantize, type QuantizeOptions } from "./graph/quantize/quantize.ts";
export { dequantize, quantized } from "./graph/quantize/dequantize.ts";
export { refuseQuantizedMerge } from "./graph/quantize/refuse_merge.ts";
export { dequantized } from "./graph/ops/dequantize.ts";
