/**
 * The backend `cpu`: kernels assembled as WebAssembly SIMD when a plan is compiled, run by several workers in
 * launch over one shared 64-bit memory; large matrix products by a BLAS of the system where there is one.
 * @module
 */
export { cpu, type CpuInput, type CpuSettings } from "./part.ts";
export { workers } from "./workers.ts";
