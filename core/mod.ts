/**
 * What a plugin author imports: contracts, definitions and the machinery that parts are built with.
 * @module
 */
export type {
  Backend,
  Device,
  DeviceInfo,
  ProgramId,
} from "./contracts/backend.ts";
export type { Executor, KernelTime } from "./device/executor.ts";
export type { QueuedDevice } from "./device/host_device.ts";
export { localDevice } from "./device/local_device.ts";
export { serve } from "./device/serve.ts";
export { connectWorker } from "./device/worker_device.ts";
export * from "./errors.ts";
export * from "./graph/dims.ts";
export * from "./graph/dtype.ts";
export * from "./graph/expression.ts";
export type {
  AttentionAttributes,
  BufferId,
  KernelAttributes,
  KernelCall,
  KernelName,
  Plan,
  Segment,
  View,
} from "./graph/plan.ts";
export * from "./plugin.ts";
export * from "./random.ts";
