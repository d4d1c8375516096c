/**
 * A plan: what a backend gets. Everything here is plain data. A plan is a list of segments of kernel
 * calls over numbered buffers; a segment may be repeated over chunks of a dimension.
 * @module
 */
import type { Dim, Extents } from "./dims.ts";
import type { KernelAttributes, KernelName } from "./kernels/mod.ts";
import type { View } from "./view.ts";

export type {
  AttentionAttributes,
  KernelAttributes,
  KernelName,
  ProductEpilogue,
} from "./kernels/mod.ts";
export type { BufferId, View } from "./view.ts";

/** One kernel call. */
export type KernelCall = {
  [K in KernelName]: {
    readonly kernel: K;
    readonly attributes: KernelAttributes[K];
    readonly inputs: readonly View[];
    readonly outputs: readonly View[];
    /** What the call is for, in profiles and errors: `layers.0.mlp.down_proj`. */
    readonly label: string;
  };
}[KernelName];

/**
 * Calls that run in order. With `repeat`, they run once for each chunk: for i in 0 .. ceil(total / chunk),
 * with the extent `as` = min(chunk, total - i * chunk) and every view advanced i times. A total of 0
 * runs nothing.
 */
export interface Segment {
  /** What is run, in order. */
  readonly calls: readonly KernelCall[];
  /** How often; absent: once. */
  readonly repeat?: {
    readonly total: Dim;
    readonly chunk: number;
    readonly as: string;
  };
}

/** The rows of its output that a call adds to, where it leaves all others as they are; null for any other call. */
export function addedRowsOf(
  call: KernelCall,
): { readonly count: Dim; readonly columns: number } | null {
  if (call.kernel !== "scatter_add") return null;
  const { unique, columns } = call.attributes;
  return { count: unique, columns };
}

/** A program as a backend gets it. */
export interface Plan {
  /** Its name in errors and profiles. */
  readonly name: string;
  /** What is run, in order. */
  readonly segments: readonly Segment[];
  /**
   * Capacity of each named dimension that a run gives: no extent is ever larger. The extents that repeated
   * segments define themselves are not among them: their capacity is the chunk.
   */
  readonly capacities: Extents;
}

/** The plan with `move` of each view, of inputs and of outputs. */
export function withViews(plan: Plan, move: (view: View) => View): Plan {
  return {
    ...plan,
    segments: plan.segments.map((segment) => ({
      ...segment,
      calls: segment.calls.map((call) => ({
        ...call,
        inputs: call.inputs.map(move),
        outputs: call.outputs.map(move),
      })),
    })),
  };
}
