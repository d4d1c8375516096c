/**
 * What a kernel is here: a signature, which every call is checked against, and loops. Kernels load their
 * inputs whole as doubles, compute, and save: so sharing memory in place cannot change a result.
 * @module
 */
import {
  DeviceError,
  type Dim,
  type DType,
  type KernelAttributes,
  type KernelName,
} from "@denotune/denotune/core";
import type { Tensor } from "./tensor.ts";

/** What an operand must be. */
export interface Operand {
  readonly name: string;
  /** Number of elements, or what it must be a multiple of, or the least. */
  readonly elements: number | { readonly multipleOf: number } | {
    readonly atLeast: number;
  };
  /** f32 where absent. */
  readonly dtypes?: readonly DType[];
}

/** Inputs, outputs and what they may share. */
export interface Signature {
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  /** Pairs (input, output) that may lie in the same place. */
  readonly mayShare?: readonly (readonly [number, number])[];
  /** Those that always do. */
  readonly mustShare?: readonly (readonly [number, number])[];
}

/** Fills the extents into a dimension. */
export type SizeOf = (dim: Dim) => number;

/** One kernel. */
export interface Kernel<K extends KernelName> {
  /** What the operands must be; throws `DeviceError` for attributes that make no sense. */
  signature(attributes: KernelAttributes[K], size: SizeOf): Signature;
  run(
    attributes: KernelAttributes[K],
    size: SizeOf,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
  ): void;
}

/** All kernels by name. */
export type Kernels = { readonly [K in KernelName]: Kernel<K> };

/** Types of weights that may be stored in 16 bits. */
export const WEIGHT_TYPES: readonly DType[] = ["f32", "bf16", "f16"];

/** Types of whole numbers. */
export const INDEX: readonly DType[] = ["i32"];

/** Refuses an index outside of [0, count). */
export function checkIndex(index: number, count: number, what: string): void {
  if (index < 0 || index >= count) {
    throw new DeviceError(
      `${what} is ${index}: must be at least 0 and below ${count}`,
    );
  }
}

/** Checks the operands of a call against a signature; throws `DeviceError` without naming the call. */
export function checkOperands(
  signature: Signature,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): void {
  checkList("input", signature.inputs, inputs);
  checkList("output", signature.outputs, outputs);
  const must = signature.mustShare ?? [];
  for (const [i, o] of must) {
    if (inputs[i].samePlace(outputs[o])) continue;
    throw new DeviceError(
      `${signature.outputs[o].name} must lie in the place of its input`,
    );
  }
  const shareable = [...signature.mayShare ?? [], ...must];
  for (const [o, output] of outputs.entries()) {
    for (const [i, input] of inputs.entries()) {
      if (!output.overlaps(input)) continue;
      if (
        shareable.some(([a, b]) => a === i && b === o) &&
        input.samePlace(output)
      ) continue;
      throw new DeviceError(
        `${signature.outputs[o].name} overlaps ${
          signature.inputs[i].name
        } in buffer "${output.store.label}": not allowed there`,
      );
    }
    for (let other = 0; other < o; other++) {
      if (output.overlaps(outputs[other])) {
        throw new DeviceError(
          `outputs ${signature.outputs[o].name} and ${
            signature.outputs[other].name
          } overlap`,
        );
      }
    }
  }
}

function checkList(
  what: string,
  operands: readonly Operand[],
  tensors: readonly Tensor[],
): void {
  if (tensors.length !== operands.length) {
    throw new DeviceError(
      `needs ${operands.length} ${what}s (${
        operands.map((o) => o.name).join(", ")
      }), found ${tensors.length}`,
    );
  }
  for (const [i, { name, elements, dtypes = ["f32"] }] of operands.entries()) {
    const { dtype, length } = tensors[i];
    if (!dtypes.includes(dtype)) {
      throw new DeviceError(
        `${name} is ${dtype}: must be ${dtypes.join(" or ")}`,
      );
    }
    if (typeof elements === "number") {
      if (length !== elements) {
        throw new DeviceError(
          `${name} has ${length} elements: must have ${elements}`,
        );
      }
    } else if ("atLeast" in elements) {
      if (length < elements.atLeast) {
        throw new DeviceError(
          `${name} has ${length} elements: must have at least ${elements.atLeast}`,
        );
      }
    } else if (length % elements.multipleOf !== 0) {
      throw new DeviceError(
        `${name} has ${length} elements: must be a multiple of ${elements.multipleOf}`,
      );
    }
  }
}
