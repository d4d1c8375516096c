/**
 * What a backend is made of, and nothing else of core: a device's threads load it as
 * `@denotune/denotune/device`, and a thread starts the sooner the less it loads. All of it is in
 * `@denotune/denotune/core` too.
 * @module
 */
export type {
  Backend,
  DeviceInfo,
  KernelSource,
  ProgramId,
} from "../contracts/backend.ts";
export { DeviceError } from "../contracts/errors.ts";
export type { Executor, KernelTime, ReadRange } from "./executor.ts";
export { serve } from "./serve.ts";
export { serveLeader } from "./serve_leader.ts";
export { connectWorker } from "./worker_device.ts";
export { checkCall } from "../graph/checks/check_call.ts";
export { iterationsOf } from "../graph/checks/segments.ts";
export {
  type BufferSize,
  namingCall,
  validatePlan,
} from "../graph/checks/validate_plan.ts";
export {
  type Dim,
  elementsOf,
  type Extents,
  type NamedDim,
  product,
  showDim,
  sizeOf,
} from "../graph/dims.ts";
export {
  bytesOf,
  type DType,
  QUANTIZATIONS,
  type TensorDType,
} from "../graph/dtype.ts";
export type {
  Access,
  BinaryOp,
  Expression,
  RowProgram,
  Stage,
  UnaryOp,
} from "../graph/expression.ts";
export {
  expressionOf,
  type Operand,
  operandsOf,
  operationsOf,
  quantizedFactor,
} from "../graph/kernels/mod.ts";
export type {
  AttentionAttributes,
  BufferId,
  KernelAttributes,
  KernelCall,
  KernelName,
  Plan,
  ProductEpilogue,
  Segment,
  View,
} from "../graph/plan.ts";
export { dequantize } from "../graph/quantize/dequantize.ts";
export {
  int8Layout,
  NF4_BLOCK,
  NF4_GROUP,
  nf4Layout,
  type QuantizedShape,
} from "../graph/quantize/layout.ts";
export { NF4_LEVELS } from "../graph/quantize/tables.ts";
export { startWorker, type WorkerModules } from "../io/start_worker.ts";
export { environmentVariable, isGranted, variables } from "../permissions.ts";
export { gumbelAt, randomFrom, uniformAt } from "../random.ts";
