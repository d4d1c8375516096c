/**
 * Every kernel, by name: the one list. Each has a file here that says what it is, an implementation in each
 * backend, and cases in `tests/conformance/backend/`.
 * @module
 */
import type { KernelDefinition, Operands, SizeOf } from "./_definition.ts";
import { argmax, type ArgmaxAttributes } from "./argmax.ts";
import {
  attention,
  type AttentionAttributes,
  attentionBackward,
  attentionCached,
  type CachedAttentionAttributes,
} from "./attention.ts";
import {
  type CachedConvolutionAttributes,
  convolution,
  type ConvolutionAttributes,
  convolutionCached,
} from "./convolution.ts";
import {
  type CachedRecurrenceAttributes,
  recurrence,
  type RecurrenceAttributes,
  recurrenceCached,
} from "./recurrence.ts";
import { columnSum, type ColumnSumAttributes } from "./column_sum.ts";
import {
  concatColumns,
  type ConcatColumnsAttributes,
} from "./concat_columns.ts";
import { copy, type CopyAttributes } from "./copy.ts";
import { fill, type FillAttributes } from "./fill.ts";
import { gatherRows, type GatherRowsAttributes } from "./gather_rows.ts";
import { groupSum, type GroupSumAttributes } from "./group_sum.ts";
import { matmul, type MatmulAttributes } from "./matmul.ts";
import { rope, type RopeAttributes } from "./rope.ts";
import { rows, type RowsAttributes } from "./rows.ts";
import { sample, type SampleAttributes } from "./sample.ts";
import { scatterAdd, type ScatterAddAttributes } from "./scatter_add.ts";
import { scatterRows, type ScatterRowsAttributes } from "./scatter_rows.ts";
import { sliceColumns, type SliceColumnsAttributes } from "./slice_columns.ts";
import { sum, type SumAttributes } from "./sum.ts";
import { takeTokens, type TakeTokensAttributes } from "./take_tokens.ts";
import { writeCache, type WriteCacheAttributes } from "./write_cache.ts";
import { writeRow, type WriteRowAttributes } from "./write_row.ts";

export type {
  Decomposing,
  FreeSize,
  KernelCallOf,
  KernelDefinition,
  Operand,
  Operands,
  OutputOperand,
  Size,
  SizeOf,
} from "./_definition.ts";
export type { ArgmaxAttributes } from "./argmax.ts";
export type {
  AttentionAttributes,
  CachedAttentionAttributes,
} from "./attention.ts";
export type { ColumnSumAttributes } from "./column_sum.ts";
export type { ConcatColumnsAttributes } from "./concat_columns.ts";
export type {
  CachedConvolutionAttributes,
  ConvolutionAttributes,
} from "./convolution.ts";
export type { CopyAttributes } from "./copy.ts";
export type {
  CachedRecurrenceAttributes,
  RecurrenceAttributes,
} from "./recurrence.ts";
export type { FillAttributes } from "./fill.ts";
export type { GatherRowsAttributes } from "./gather_rows.ts";
export type { GroupSumAttributes } from "./group_sum.ts";
export type { RopeAttributes } from "./rope.ts";
export { type SampleAttributes, wordsOfBits } from "./sample.ts";
export type { ScatterAddAttributes } from "./scatter_add.ts";
export type { ScatterRowsAttributes } from "./scatter_rows.ts";
export type { SliceColumnsAttributes } from "./slice_columns.ts";
export type { SumAttributes } from "./sum.ts";
export type { TakeTokensAttributes } from "./take_tokens.ts";
export type { WriteCacheAttributes } from "./write_cache.ts";
export type { WriteRowAttributes } from "./write_row.ts";
export {
  type MatmulAttributes,
  type ProductEpilogue,
  quantizedFactor,
} from "./matmul.ts";
export { expressionOf, type RowsAttributes } from "./rows.ts";

/** Attributes of every kernel, by name. */
export interface KernelAttributes {
  /** See `argmax.ts`. */
  readonly argmax: ArgmaxAttributes;
  /** See `attention.ts`. */
  readonly attention: AttentionAttributes;
  /** See `attention.ts`. */
  readonly attention_backward: AttentionAttributes;
  /** See `attention.ts`. */
  readonly attention_cached: CachedAttentionAttributes;
  /** See `column_sum.ts`. */
  readonly column_sum: ColumnSumAttributes;
  /** See `concat_columns.ts`. */
  readonly concat_columns: ConcatColumnsAttributes;
  /** See `convolution.ts`. */
  readonly convolution: ConvolutionAttributes;
  /** See `convolution.ts`. */
  readonly convolution_cached: CachedConvolutionAttributes;
  /** See `copy.ts`. */
  readonly copy: CopyAttributes;
  /** See `fill.ts`. */
  readonly fill: FillAttributes;
  /** See `gather_rows.ts`. */
  readonly gather_rows: GatherRowsAttributes;
  /** See `group_sum.ts`. */
  readonly group_sum: GroupSumAttributes;
  /** See `matmul.ts`. */
  readonly matmul: MatmulAttributes;
  /** See `recurrence.ts`. */
  readonly recurrence: RecurrenceAttributes;
  /** See `recurrence.ts`. */
  readonly recurrence_cached: CachedRecurrenceAttributes;
  /** See `rope.ts`. */
  readonly rope: RopeAttributes;
  /** See `rows.ts`. */
  readonly rows: RowsAttributes;
  /** See `sample.ts`. */
  readonly sample: SampleAttributes;
  /** See `scatter_add.ts`. */
  readonly scatter_add: ScatterAddAttributes;
  /** See `scatter_rows.ts`. */
  readonly scatter_rows: ScatterRowsAttributes;
  /** See `slice_columns.ts`. */
  readonly slice_columns: SliceColumnsAttributes;
  /** See `sum.ts`. */
  readonly sum: SumAttributes;
  /** See `take_tokens.ts`. */
  readonly take_tokens: TakeTokensAttributes;
  /** See `write_cache.ts`. */
  readonly write_cache: WriteCacheAttributes;
  /** See `write_row.ts`. */
  readonly write_row: WriteRowAttributes;
}

/** Name of a kernel. */
export type KernelName = keyof KernelAttributes;

/** The definitions, by name. */
export const kernelDefinitions: {
  readonly [K in KernelName]: KernelDefinition<K, KernelAttributes[K]>;
} = {
  argmax,
  attention,
  attention_backward: attentionBackward,
  attention_cached: attentionCached,
  column_sum: columnSum,
  concat_columns: concatColumns,
  convolution,
  convolution_cached: convolutionCached,
  copy,
  fill,
  gather_rows: gatherRows,
  group_sum: groupSum,
  matmul,
  recurrence,
  recurrence_cached: recurrenceCached,
  rope,
  rows,
  sample,
  scatter_add: scatterAdd,
  scatter_rows: scatterRows,
  slice_columns: sliceColumns,
  sum,
  take_tokens: takeTokens,
  write_cache: writeCache,
  write_row: writeRow,
};

/** A call as far as its definition needs it. */
export interface CallOf<K extends KernelName> {
  /** Its name. */
  readonly kernel: K;
  /** What it is called with. */
  readonly attributes: KernelAttributes[K];
}

/** The definition of a kernel. Throws `RangeError` for a name that is none. */
export function definitionOf<K extends KernelName>(
  kernel: K,
): KernelDefinition<K, KernelAttributes[K]> {
  const definitions: Partial<typeof kernelDefinitions> = kernelDefinitions;
  const definition = definitions[kernel];
  if (definition === undefined) {
    throw new RangeError(`there is no kernel ${kernel}`);
  }
  return definition;
}

/** The operands of a call. Throws `RangeError` for attributes that make no sense. */
export function operandsOf<K extends KernelName>(
  { kernel, attributes }: CallOf<K>,
): Operands {
  return definitionOf(kernel).operands(attributes);
}

/** Rough number of operations of a call. */
export function operationsOf<K extends KernelName>(
  { kernel, attributes }: CallOf<K>,
  size: SizeOf,
): number {
  return definitionOf(kernel).operations(attributes, size);
}
