/**
 * Limits of kinds of adapters, as kernels are made for them: shaders can be made for all of them on any machine.
 * @module
 */
import {
  type AdapterLimits,
  LEAST_LIMITS,
} from "../../../backends/webgpu/runtime/adapter_limits.ts";

/** Kinds of adapters that get kernels of their own. */
export const ADAPTERS: Readonly<Record<string, AdapterLimits>> = {
  "a GPU with the limits that every adapter has": LEAST_LIMITS,
  "a GPU of 32 KiB with subgroups of 32": {
    ...LEAST_LIMITS,
    sharedBytes: 2 ** 15,
    subgroup: { min: 32, max: 32 },
    maxBindings: 10,
  },
  "a GPU of 48 KiB with subgroups of 8 to 32": {
    ...LEAST_LIMITS,
    sharedBytes: 48 * 2 ** 10,
    subgroup: { min: 8, max: 32 },
    halves: true,
    maxBindings: 16,
    maxInvocations: 1024,
  },
  "a GPU that binds large tensors in slices": {
    ...LEAST_LIMITS,
    maxBindingBytes: 2 ** 16,
    maxBindings: 64,
  },
  "a software adapter with subgroups of 8": {
    ...LEAST_LIMITS,
    software: true,
    sharedBytes: 2 ** 15,
    subgroup: { min: 8, max: 8 },
    maxInvocations: 1024,
    maxBindings: 32,
  },
  "a software adapter with subgroups of 4": {
    ...LEAST_LIMITS,
    software: true,
    sharedBytes: 2 ** 15,
    subgroup: { min: 4, max: 4 },
    maxBindings: 10,
  },
  "a software adapter without subgroups": {
    ...LEAST_LIMITS,
    software: true,
    sharedBytes: 2 ** 15,
  },
};
