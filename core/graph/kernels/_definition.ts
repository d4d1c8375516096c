/**
 * What a kernel is, said once. Ops take the types of their outputs from it, the validator checks calls
 * against it, backends find operands by its names, the conformance suite makes its tensors and the fuzzer its
 * calls.
 * @module
 */
import type { Dim, Shape } from "../dims.ts";
import type { DType } from "../dtype.ts";
import type { QuantizedShape } from "../quantize/layout.ts";
import type { View } from "../view.ts";

/** A size that each call chooses, the same in every operand with its name: `{free: "V"}`. */
export interface FreeSize {
  /** Its letter. */
  readonly free: string;
}

/** One size of an operand: a dimension of the call, one more than a dimension, or a free one. */
export type Size = Dim | { readonly oneMoreThan: Dim } | FreeSize;

/** A tensor that a kernel reads or writes. */
export interface Operand {
  /** Its name in messages, shaders and tests. */
  readonly name: string;
  /** Sizes, outermost first; at most one is free. Only the number of elements is checked. */
  readonly shape: readonly Size[];
  /** How it may be stored; f32 where absent. */
  readonly dtypes?: readonly DType[];
  /** The matrix that the tensor holds in i32 words: `shape` counts the words. */
  readonly quantized?: QuantizedShape;
  /** Whether the tensor may have more elements than `shape` says. */
  readonly atLeast?: true;
  /** The sizes of the matrix that the tensor is, where it may be stored in panels. */
  readonly panels?: { readonly rows: number | "any"; readonly columns: number };
}

/** A tensor that a kernel writes. */
export interface OutputOperand extends Operand {
  /** Names of inputs in whose place it may be written. No other sharing is allowed. */
  readonly mayShare?: readonly string[];
  /** Name of the input in whose place it must be written. */
  readonly mustShare?: string;
}

/** The tensors of a call, in order. */
export interface Operands {
  /** What is read. */
  readonly inputs: readonly Operand[];
  /** What is written. */
  readonly outputs: readonly OutputOperand[];
}

/** Fills the extents into a dimension. */
export type SizeOf = (dim: Dim) => number;

/** A call as a decomposition makes it. */
export interface KernelCallOf<K extends string, A> {
  /** Name of the kernel. */
  readonly kernel: K;
  /** Its attributes. */
  readonly attributes: A;
  /** What is read. */
  readonly inputs: readonly View[];
  /** What is written. */
  readonly outputs: readonly View[];
}

/** What a decomposition is given. */
export interface Decomposing {
  /** What the call reads. */
  readonly inputs: readonly View[];
  /** What the call writes. */
  readonly outputs: readonly View[];
  /** A tensor that lives during the call only. */
  scratch(type: { readonly shape: Shape; readonly dtype: DType }): View;
}

/** A kernel: its operands as functions of its attributes, and the work that it is. */
export interface KernelDefinition<K extends string, A> {
  /** Its name in plans. */
  readonly name: K;
  /** The tensors of a call. Throws `RangeError` for attributes that make no sense. */
  operands(attributes: A): Operands;
  /** What the operands alone cannot say of a call's tensors. Throws `RangeError`. */
  check?(
    attributes: A,
    tensors: {
      readonly inputs: readonly View[];
      readonly outputs: readonly View[];
    },
  ): void;
  /** Rough number of operations, which bounds what a GPU is given at once. */
  operations(attributes: A, size: SizeOf): number;
  /**
   * Calls of other kernels that do the same, for a device without this one; null where these attributes have
   * none. They are also what it means.
   */
  decompose?(
    attributes: A,
    context: Decomposing,
  ): readonly KernelCallOf<string, unknown>[] | null;
}

/** The call of a kernel, typed by its definition. */
export function callOf<K extends string, A>(
  { name }: KernelDefinition<K, A>,
  attributes: A,
  { inputs, outputs }: Pick<Decomposing, "inputs" | "outputs">,
): KernelCallOf<K, A> {
  return { kernel: name, attributes, inputs, outputs };
}

/** Storage of whole numbers. */
export const INDEX: readonly DType[] = ["i32"];
/** Storage of weights: 16 bits are widened as they are read. */
export const WEIGHTS: readonly DType[] = ["f32", "bf16", "f16"];
/** Storage of what expressions read: whole numbers are converted. */
export const NUMBERS: readonly DType[] = ["f32", "i32"];
