/**
 * Calls of kernels that a device lacks, as calls of kernels that it has.
 * @module
 */
import {
  type Decomposing,
  definitionOf,
  type KernelAttributes,
  type KernelName,
} from "./kernels/mod.ts";
import type { KernelCall } from "./plan.ts";

/** What a device offers. */
export interface DecomposeOptions {
  /** Kernels that the device has; null: all. */
  readonly kernels: ReadonlySet<string> | null;
  /** Memory that lives during the call. */
  readonly scratch: Decomposing["scratch"];
  /** What lacks a kernel, in the message. Default: the device. */
  readonly target?: string;
}

/**
 * The call itself where the device has its kernel, else those of its decomposition, and of theirs. Throws
 * `RangeError` that names the kernel where there is none.
 */
export function decomposeCall(
  call: KernelCall,
  options: DecomposeOptions,
): KernelCall[] {
  const { kernels, scratch, target = "the device" } = options;
  if (kernels === null || kernels.has(call.kernel)) return [call];
  const { inputs, outputs } = call;
  const calls = decompositionOf(call, { inputs, outputs, scratch });
  if (calls === null) {
    throw new RangeError(
      `${call.label}: ${target} has no kernel ${call.kernel}, and it cannot be made of others here`,
    );
  }
  // a definition pairs the names of its decomposition with their attributes
  return calls.flatMap((part) =>
    decomposeCall({ ...part, label: call.label } as KernelCall, options)
  );
}

function decompositionOf<K extends KernelName>(
  { kernel, attributes }: {
    readonly kernel: K;
    readonly attributes: KernelAttributes[K];
  },
  context: Decomposing,
) {
  return definitionOf(kernel).decompose?.(attributes, context) ?? null;
}
