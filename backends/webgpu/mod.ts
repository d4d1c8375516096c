/**
 * The WebGPU backend.
 * @module
 */
export { webgpu } from "./backend.ts";
export { WebGpuExecutor } from "./executor.ts";
export type { WebGpuOptions } from "./options.ts";
export {
  type MeasuredTile,
  type TunedShape,
  type TuneRequest,
  type TuneResult,
  tuneWebgpu,
  usualShapes,
} from "./tune/tune.ts";
