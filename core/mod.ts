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
export * from "./errors.ts";
export * from "./random.ts";
export * from "./plugin.ts";
export * from "./graph/dims.ts";
export * from "./graph/dtype.ts";
export * from "./graph/expression.ts";
export * from "./graph/graph.ts";
export type * from "./graph/plan.ts";
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
export { type Layout, matmul } from "./graph/ops/matmul.ts";
export { layerNorm, rmsNorm } from "./graph/ops/norms.ts";
export { rope } from "./graph/ops/rope.ts";
export { rows, spaceOf } from "./graph/ops/rows.ts";
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
  type MemoryReport,
  type Placement,
  type Role,
} from "./graph/memory.ts";
export { type PlannedProgram, planProgram } from "./graph/planner.ts";
export { type InputData, Session } from "./graph/session.ts";
export {
  buildModel,
  type BuildOptions,
  type BuiltModel,
  inventoryOf,
  type ModelInventory,
} from "./graph/build_model.ts";
export { linearCrossEntropy } from "./graph/ops/linear_cross_entropy.ts";
export { describeWhere } from "./data/where.ts";
export { NumberList } from "./data/number_list.ts";
export { rowsStore } from "./data/rows_store.ts";
export { sampleRecords, settleFormat } from "./data/settle_format.ts";
