/**
 * The kernels that answer, as ONNX operators: the one list. A kernel that is not here is translated by its
 * decomposition, and refused where it has none.
 * @module
 */
import type { KernelAttributes, KernelName } from "@denotune/denotune/core";
import { attention, attentionCached, writeCache } from "./attention.ts";
import { concatColumns, rope, sliceColumns } from "./columns.ts";
import { columnSum, rows } from "./expressions.ts";
import { convolutionCached, recurrenceCached } from "./layer_states.ts";
import { gatherRows, matmul } from "./products.ts";
import type { KernelTranslation } from "./translation.ts";

/** Translations by kernel. */
export const TRANSLATIONS: {
  readonly [K in KernelName]?: KernelTranslation<KernelAttributes[K]>;
} = {
  attention,
  attention_cached: attentionCached,
  column_sum: columnSum,
  concat_columns: concatColumns,
  convolution_cached: convolutionCached,
  copy: (t) => {
    const { elements } = t.attributes;
    t.output(0, t.input(0, [elements]), [elements]);
  },
  gather_rows: gatherRows,
  matmul,
  recurrence_cached: recurrenceCached,
  rope,
  rows,
  slice_columns: sliceColumns,
  write_cache: writeCache,
};
