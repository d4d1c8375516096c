/**
 * What a kernel asks for: one dispatch, as data and two functions. Bindings, pipelines and grids of more
 * than 65,535 workgroups are the runtime's.
 * @module
 */
import type {
  AttentionAttributes,
  Dim,
  KernelAttributes,
  KernelName,
  QuantizedShape,
  View,
} from "@denotune/denotune/device";
import type { AdapterLimits } from "../runtime/adapter_limits.ts";
import type { TensorText } from "./tensor.ts";

/** Number of the buffer that represents the backend's own scratch memory. */
export const SCRATCH = -1;

/** A tensor of a dispatch. */
export interface TensorUse {
  readonly name: string;
  readonly view: View;
  readonly writes?: boolean;
  /**
   * Whether four elements at once are wished for; granted where start and advance allow it, and with
   * `together` only if to all that wish so.
   */
  readonly wide?: boolean | "together";
  /** The format of the view's words: elements are then those of the matrix, widened. */
  readonly quantized?: QuantizedShape;
}

/** Fills extents into a dimension, at a run. */
export type SizeOf = (dim: Dim) => number;

/** The tensors and sizes available to the body of a shader. */
export interface Scope {
  /** A tensor by its name. Throws `RangeError` for one that the dispatch does not have. */
  tensor(name: string): TensorText;
  /** A dimension, a `u32`. */
  size(dim: Dim): string;
}

/** One dispatch. */
export interface DispatchSpec {
  /** Its name in profiles and errors: `matmul NT 64x64x16`. */
  readonly name: string;
  readonly tensors: readonly TensorUse[];
  readonly workgroup: readonly [number, number, number];
  /** Functions, constants and workgroup variables. */
  readonly declarations?: (scope: Scope) => string;
  /**
   * Statements of the entry point. At hand: `group` (linear number of the workgroup in x and y), `wg`
   * (`vec3<u32>`), `lane` (linear number in the workgroup), and with `id` the invocation's linear number.
   */
  readonly body: (scope: Scope) => string;
  /** Workgroups: a number, folded into x and y, and how often in z (1 if absent). None: nothing is run. */
  readonly grid: (size: SizeOf) => { readonly groups: number; z?: number };
  /**
   * Rough number of operations, for splitting submissions; of a kernel that is one dispatch by default what its
   * definition says.
   */
  readonly cost?: (size: SizeOf) => number;
}

/** The arguments of a kernel's lowering. */
export interface Lowering<K extends KernelName> {
  readonly attributes: KernelAttributes[K];
  readonly inputs: readonly View[];
  readonly outputs: readonly View[];
  readonly limits: AdapterLimits;
  /** Largest value of a dimension. */
  capacity(dim: Dim): number;
  /** f32 elements of scratch memory that live through this call. */
  scratch(elements: number): View;
  emit(spec: DispatchSpec): void;
  /** An input, by its name in the kernel's definition. */
  input(name: string): View;
  /** An output, by its name in the kernel's definition. */
  output(name: string): View;
}

/** Turns a call into dispatches. */
export type Lower<K extends KernelName> = (lowering: Lowering<K>) => void;

/** All kernels by name. */
export type Kernels = { readonly [K in KernelName]: Lower<K> };

/** A grid of one invocation for each of `items`. */
export function perItem(
  items: (size: SizeOf) => number,
  workgroup: number,
): DispatchSpec["grid"] {
  return (size) => ({ groups: Math.ceil(items(size) / workgroup) });
}

/** Attributes that attention kernels share. */
export type { AttentionAttributes };
