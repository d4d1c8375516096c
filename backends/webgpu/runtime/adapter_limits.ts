/**
 * The adapter's limits, as far as kernels depend on them.
 * @module
 */
import type { TileTable } from "../kernels/matmul/tiles.ts";

/** Limits and features of an open device. */
export interface AdapterLimits {
  /** Whether the adapter computes on the processor: other shapes of kernels pay there. */
  readonly software: boolean;
  /** Fewest and most lanes of a subgroup; null: subgroup operations are not used. */
  readonly subgroup: { readonly min: number; readonly max: number } | null;
  /** Whether shaders may hold numbers in f16: the feature `shader-f16`. */
  readonly halves: boolean;
  /** Bytes of workgroup memory. */
  readonly sharedBytes: number;
  /** Most invocations of a workgroup. */
  readonly maxInvocations: number;
  /** Most workgroups in one dimension of a grid. */
  readonly maxGroups: number;
  /** Most bytes of one binding. */
  readonly maxBindingBytes: number;
  /** Most storage buffers of one dispatch. */
  readonly maxBindings: number;
  /** Offsets of bindings are multiples of this many bytes. */
  readonly bindingAlignment: number;
  /** Tiles of matrix products. */
  readonly tiles: TileTable;
}

/** The limits that every adapter has. */
export const LEAST_LIMITS: AdapterLimits = {
  software: false,
  subgroup: null,
  halves: false,
  sharedBytes: 2 ** 14,
  maxInvocations: 256,
  maxGroups: 65535,
  maxBindingBytes: 2 ** 27,
  maxBindings: 8,
  bindingAlignment: 256,
  tiles: { find: () => null },
};
