/**
 * The WebGPU backend.
 * @module
 */
export { webgpu } from "./backend.ts";
export { WebGpuExecutor } from "./executor.ts";
export type { WebGpuOptions } from "./options.ts";
