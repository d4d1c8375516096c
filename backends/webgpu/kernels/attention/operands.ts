/**
 * The operands of attention and their sizes.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/core";
import type { Lowering } from "../../shader/dispatch.ts";

/** Sizes of an attention call. */
export interface AttentionSizes {
  readonly rows: number;
  readonly group: number;
  readonly width: number;
  readonly kvWidth: number;
}

/** The sizes, at capacity. */
export function attentionSizes(
  attributes: AttentionAttributes,
  capacity: (dim: AttentionAttributes["B"]) => number,
): AttentionSizes {
  const { heads, kvHeads, headDim } = attributes;
  return {
    rows: capacity(attributes.B) * capacity(attributes.T),
    group: heads / kvHeads,
    width: heads * headDim,
    kvWidth: kvHeads * headDim,
  };
}

/** Operands `q, k, v, segments` as tensors of a dispatch. */
export function attentionInputs(
  lowering: Lowering<"attention"> | Lowering<"attention_backward">,
): Record<"q" | "k" | "v" | "segments", Lowering<"attention">["inputs"][0]> {
  return {
    q: lowering.input("q"),
    k: lowering.input("k"),
    v: lowering.input("v"),
    segments: lowering.input("segments"),
  };
}
