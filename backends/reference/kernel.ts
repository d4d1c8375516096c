/**
 * Kernels here are plain loops. Calls are checked against the kernel's definition before. Kernels load
 * their inputs whole as doubles, compute, and save: so sharing memory in place cannot change a result.
 * @module
 */
import {
  DeviceError,
  type Dim,
  type KernelAttributes,
  type KernelName,
} from "@denotune/denotune/device";
import type { Tensor } from "./tensor.ts";

/** Fills the extents into a dimension. */
export type SizeOf = (dim: Dim) => number;

/** One kernel. */
export interface Kernel<K extends KernelName> {
  /** Computes a call. */
  run(
    attributes: KernelAttributes[K],
    size: SizeOf,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
  ): void;
}

/** All kernels by name. */
export type Kernels = { readonly [K in KernelName]: Kernel<K> };

/** Refuses an index outside of [0, count). */
export function checkIndex(index: number, count: number, what: string): void {
  if (index < 0 || index >= count) {
    throw new DeviceError(
      `${what} is ${index}: must be at least 0 and below ${count}`,
    );
  }
}
