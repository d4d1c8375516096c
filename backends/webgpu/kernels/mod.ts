/**
 * Every kernel of the plan's contract, by name.
 * @module
 */
import type { Kernels } from "../shader/dispatch.ts";
import { attention } from "./attention/forward.ts";
import { attentionBackward } from "./attention/backward.ts";
import { attentionCached } from "./attention/cached.ts";
import { convolution, convolutionCached } from "./convolution.ts";
import { gatherRows, scatterAdd, scatterRows } from "./gather.ts";
import { matmul } from "./matmul/matmul.ts";
import {
  argmax,
  concatColumns,
  copy,
  fill,
  sliceColumns,
  writeCache,
  writeRow,
} from "./moves.ts";
import { recurrence, recurrenceCached } from "./recurrence.ts";
import { rope } from "./rope.ts";
import { rows } from "./rows.ts";
import { sample } from "./sample.ts";
import { columnSum, groupSum, sum } from "./sums.ts";
import { takeTokens } from "./take_tokens.ts";

/** The kernels. */
export const kernels: Kernels = {
  matmul,
  rows,
  column_sum: columnSum,
  sum,
  group_sum: groupSum,
  gather_rows: gatherRows,
  scatter_rows: scatterRows,
  scatter_add: scatterAdd,
  rope,
  convolution,
  convolution_cached: convolutionCached,
  recurrence,
  recurrence_cached: recurrenceCached,
  attention,
  attention_backward: attentionBackward,
  attention_cached: attentionCached,
  write_cache: writeCache,
  sample,
  take_tokens: takeTokens,
  slice_columns: sliceColumns,
  concat_columns: concatColumns,
  write_row: writeRow,
  copy,
  fill,
  argmax,
};
